/* Reductions of the reduce family against the reference. */
#include "tests/kernels/fast_node.h"

#include <math.h>
#include <stdio.h>

static const char *const g_sums[] = {"ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin"};
static const char *const g_others[] = {"ReduceSumSquare", "ReduceL2", "ReduceProd"};

/* pattern() numbers add up exactly in float32; so do their squares up to 2^14 of them. The mean divides once here, in
 * double there: one rounding apart for halves. */
static void check_axes(qn_tensor x, qn_tensor axes) {
    for (size_t i = 0; i < sizeof g_sums / sizeof g_sums[0]; i++)
        for (int keep = 0; keep < 2; keep++) {
            char node[64];
            snprintf(node, sizeof node, "%s {keepdims=%d}", g_sums[i], keep);
            check_fast(node, EXACT, 1, IN(x, axes));
        }
}

QN_TEST(kernels_reduce_axes) {
    node_test t = node_begin();
    qn_tensor x = pattern(&t, 1, DIMS(3, 5, 7, 67));
    check_axes(x, tensor(I64(-1), DIMS(1)));
    check_axes(x, tensor(I64(2, 3), DIMS(2)));
    check_axes(x, tensor(I64(1), DIMS(1)));
    check_axes(x, tensor(I64(1, 2), DIMS(2)));
    check_axes(x, tensor(I64(0), DIMS(1)));
    check_axes(x, tensor(I64(0, 1, 2, 3), DIMS(4)));
    check_axes(x, tensor(I64(0, 2), DIMS(2))); /* apart */
    check_axes(pattern(&t, 2, DIMS(2, 1, 300)), tensor(I64(0, 1), DIMS(2)));
    check_axes(pattern(&t, 2, DIMS(4, 1)), tensor(I64(1), DIMS(1)));
    check_axes(empty(QN_F32, DIMS(0, 4)), tensor(I64(1), DIMS(1)));
    check_axes(empty(QN_F32, DIMS(3, 0)), tensor(I64(1), DIMS(1)));
    check_fast("ReduceSum {noop_with_empty_axes=1}", EXACT, 1, IN(x));
    check_fast("ReduceMax", EXACT, 1, IN(x));
    node_end(&t);
}

/* Rows of several pieces. Sums of 100,003 numbers below 2: an error of (64 + 100003 / (64 * 16) + 16) 2^-24 of their
 * magnitudes, 1e5 or so, before the result is near 0. */
QN_TEST(kernels_reduce_long) {
    node_test t = node_begin();
    qn_tensor x = normal(&t, 1, DIMS(2, 100003));
    const double bound = (64 + 100003.0 / (64 * 4) + 16) * 0x1p-24;
    check_fast("ReduceSum", bound * 1e5, 1, IN(x, tensor(I64(1), DIMS(1))));
    check_fast("ReduceMean", bound, 1, IN(x, tensor(I64(1), DIMS(1))));
    check_fast("ReduceSumSquare", bound, 1, IN(x, tensor(I64(1), DIMS(1))));
    check_fast("ReduceMax", EXACT, 1, IN(x));
    check_fast("ReduceMin", EXACT, 1, IN(x));
    check_fast("ReduceMean", bound, 1, IN(normal(&t, 2, DIMS(1000, 130)), tensor(I64(0), DIMS(1))));
    node_end(&t);
}

QN_TEST(kernels_reduce_products) {
    node_test t = node_begin();
    for (size_t i = 0; i < sizeof g_others / sizeof g_others[0]; i++) {
        qn_tensor x = pattern(&t, 1, DIMS(3, 9, 35));
        for (int64_t axis = 0; axis < 3; axis++)
            check_fast(g_others[i], 35 * 0x1p-24 * 4, 1, IN(x, tensor(I64(axis), DIMS(1))));
    }
    node_end(&t);
}

QN_TEST(kernels_reduce_half) {
    node_test t = node_begin();
    for (int d = 0; d < 2; d++) {
        qn_tensor x = pattern_as(&t, d ? QN_BF16 : QN_F16, 1, DIMS(3, 20, 35));
        const double unit = d ? 0x1p-7 : 0x1p-10;
        for (size_t i = 0; i < sizeof g_sums / sizeof g_sums[0]; i++)
            for (int64_t axis = 0; axis < 3; axis++)
                check_fast(g_sums[i], unit, 1, IN(x, tensor(I64(axis), DIMS(1))));
        check_fast("ReduceMean", unit, 1, IN(x, tensor(I64(0, 2), DIMS(2))));
    }
    node_end(&t);
}

QN_TEST(kernels_reduce_nan) {
    node_test t = node_begin();
    static const int at[] = {0, 5, 63, 64, 99};
    for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) {
        qn_tensor x = pattern(&t, 1, DIMS(100, 3));
        ((float *)x.data)[3 * at[i]] = NAN;
        check_fast("ReduceMax", EXACT, 1, IN(x, tensor(I64(0), DIMS(1))));
        check_fast("ReduceMin", EXACT, 1, IN(x, tensor(I64(0), DIMS(1))));
        check_fast("ReduceMax", EXACT, 1, IN(x));
        check_fast("ReduceMin", EXACT, 1, IN(x));
    }
    node_end(&t);
}

QN_TEST(kernels_reduce_global_pool) {
    node_test t = node_begin();
    check_fast("GlobalAveragePool", 0x1p-23, 1, IN(pattern(&t, 1, DIMS(2, 9, 7, 11))));
    check_fast("GlobalMaxPool", EXACT, 1, IN(pattern(&t, 1, DIMS(2, 9, 7, 11))));
    check_fast("GlobalMaxPool", EXACT, 1, IN(pattern(&t, 1, DIMS(1, 4, 40000))));
    check_fast("GlobalAveragePool", 0x1p-10, 1, IN(pattern_as(&t, QN_F16, 1, DIMS(2, 9, 7, 11))));
    check_fast("GlobalMaxPool", EXACT, 1, IN(empty(QN_F32, DIMS(2, 3, 0))));
    node_end(&t);
}
