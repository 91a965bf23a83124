/* Reductions, ArgMax and ArgMin: over every set of axes against sums written out; the special cases by hand. */
#include "tests/kernels/run_node.h"

#include <math.h>
#include <stdio.h>

typedef struct op_row {
    const char *name;
    double start;
} op_row;

static const op_row g_ops[] = {{"ReduceSum", 0}, {"ReduceMean", 0},      {"ReduceProd", 1}, {"ReduceL2", 0},
                               {"ReduceMax", -INFINITY}, {"ReduceMin", INFINITY}, {"ReduceSumSquare", 0}};

static double step(int op, double a, double v) {
    switch (op) {
    case 2: return a * v;
    case 3:
    case 6: return a + v * v;
    case 4: return fmax(a, v);
    case 5: return fmin(a, v);
    default: return a + v;
    }
}

static double finish(int op, double a, int64_t n) { return op == 1 ? a / (double)n : op == 3 ? sqrt(a) : a; }

static void every_axes(const qn_tensor *x, int op, unsigned mask) {
    node_test t = node_begin();
    int64_t axes[4], n_axes = 0, n_x = 1;
    for (int d = 0; d < 4; d++)
        if (mask >> d & 1)
            axes[n_axes++] = d - (d % 2 ? 4 : 0); /* half of them negative */
    qn_tensor in[] = {*x, tensor(QN_I64, n_axes, axes, 1, &n_axes)};
    const qn_tensor *y = run_ref(&t, g_ops[op].name, 1, in, 2);
    double want[3 * 5 * 7 * 40];
    int64_t count[3 * 5 * 7 * 40], n_y = 1, out_stride[4];
    for (int d = 3; d >= 0; d--) {
        n_x *= x->dims[d];
        out_stride[d] = n_y;
        n_y *= y->dims[d];
        assert_int_equal(y->dims[d], mask >> d & 1 ? 1 : x->dims[d]);
    }
    for (int64_t i = 0; i < n_y; i++) {
        want[i] = g_ops[op].start;
        count[i] = 0;
    }
    for (int64_t i = 0; i < n_x; i++) {
        int64_t rest = i, at = 0;
        for (int d = 3; d >= 0; d--) {
            at += mask >> d & 1 ? 0 : rest % x->dims[d] * out_stride[d];
            rest /= x->dims[d];
        }
        want[at] = step(op, want[at], element(x, i));
        count[at]++;
    }
    for (int64_t i = 0; i < n_y; i++) {
        double w = finish(op, want[i], count[i]);
        /* one rounding to float32; the order of double sums is far below it */
        assert_true(fabs(element(y, i) - w) <= 6.1e-8 * fabs(w) + 1e-12);
    }
    node_end(&t);
}

QN_TEST(kernels_ref_reduce_all_axes) {
    static const int64_t shapes[][4] = {{3, 5, 7, 4}, {2, 1, 3, 40}, {3, 5, 1, 1}};
    node_test t = node_begin();
    for (int s = 0; s < 3; s++) {
        qn_tensor x = pattern(&t, 7 + s, 4, shapes[s]);
        for (int op = 0; op < 7; op++)
            for (unsigned mask = 1; mask < 16; mask++)
                every_axes(&x, op, mask);
    }
    node_end(&t);
}

/* Kept innermost dimension wider than a tile; pieces over the pool. */
QN_TEST(kernels_ref_reduce_wide) {
    node_test t = node_begin();
    enum { R = 300, C = 701 };
    qn_tensor x = normal(&t, 3, DIMS(R, C));
    const float *v = x.data;
    const qn_tensor *y = run_ref(&t, "ReduceMean {keepdims=0}", 1, IN(x, tensor(I64(0), DIMS(1))));
    expect_dims(y, DIMS(C));
    for (int c = 0; c < C; c++) {
        double sum = 0;
        for (int r = 0; r < R; r++)
            sum += (double)v[r * C + c];
        assert_true(element(y, c) == (double)(float)(sum / R));
    }
    node_end(&t);
}

QN_TEST(kernels_ref_reduce_axes_input) {
    node_test t = node_begin();
    qn_tensor x = tensor(F32(1, 2, 3, 4), DIMS(2, 2));
    expect(run_ref(&t, "ReduceSum", 1, IN(x)), 0, F32(10), DIMS(1, 1));
    expect(run_ref(&t, "ReduceSum {keepdims=0}", 1, IN(x)), 0, F32(10), SCALAR);
    expect(run_ref(&t, "ReduceSum", 1, IN(x, empty(QN_I64, DIMS(0)))), 0, F32(10), DIMS(1, 1));
    expect(run_ref(&t, "ReduceSum {noop_with_empty_axes=1}", 1, IN(x)), 0, F32(1, 2, 3, 4), DIMS(2, 2));
    expect(run_ref(&t, "ReduceSum", 1, IN(tensor(F32(5), SCALAR))), 0, F32(5), SCALAR);
    node_end(&t);
}

QN_TEST(kernels_ref_reduce_empty) {
    node_test t = node_begin();
    qn_tensor x = empty(QN_F32, DIMS(2, 0)), axis = tensor(I64(1), DIMS(1));
    expect(run_ref(&t, "ReduceSum {keepdims=0}", 1, IN(x, axis)), 0, F32(0, 0), DIMS(2));
    expect(run_ref(&t, "ReduceProd {keepdims=0}", 1, IN(x, axis)), 0, F32(1, 1), DIMS(2));
    expect(run_ref(&t, "ReduceMax {keepdims=0}", 1, IN(x, axis)), 0, F32(-INFINITY, -INFINITY), DIMS(2));
    expect(run_ref(&t, "ReduceMin {keepdims=0}", 1, IN(x, axis)), 0, F32(INFINITY, INFINITY), DIMS(2));
    expect(run_ref(&t, "ReduceMean {keepdims=0}", 1, IN(x, axis)), 0, F32(NAN, NAN), DIMS(2));
    expect(run_ref(&t, "ReduceMean {keepdims=0}", 1, IN(empty(QN_I32, DIMS(2, 0)), axis)), 0, I32(0, 0), DIMS(2));
    expect(run_ref(&t, "ReduceMax {keepdims=0}", 1, IN(empty(QN_I8, DIMS(2, 0)), axis)), 0, I8(-128, -128), DIMS(2));
    expect_dims(run_ref(&t, "ReduceSum {keepdims=0}", 1, IN(x, tensor(I64(0), DIMS(1)))), DIMS(0));
    node_end(&t);
}

QN_TEST(kernels_ref_reduce_integers) {
    node_test t = node_begin();
    expect(run_ref(&t, "ReduceSum", 1, IN(tensor(I32(INT32_MAX, 1), DIMS(2)))), 0, I32(INT32_MIN), DIMS(1));
    expect(run_ref(&t, "ReduceMean", 1, IN(tensor(I32(-3, -4), DIMS(2)))), 0, I32(-3), DIMS(1));
    expect(run_ref(&t, "ReduceMean", 1, IN(tensor(U8(255, 254, 250), DIMS(3)))), 0, U8(253), DIMS(1));
    expect(run_ref(&t, "ReduceProd", 1, IN(tensor(I64(-3, 5, 7), DIMS(3)))), 0, I64(-105), DIMS(1));
    expect(run_ref(&t, "ReduceL2", 1, IN(tensor(I32(3, 4), DIMS(2)))), 0, I32(5), DIMS(1));
    expect(run_ref(&t, "ReduceMax", 1, IN(tensor(VALUES(QN_BOOL, uint8_t, 0, 1, 0), DIMS(3)))), 0, VALUES(QN_BOOL, uint8_t, 1),
           DIMS(1));
    expect(run_ref(&t, "ReduceMin", 1, IN(tensor(VALUES(QN_BOOL, uint8_t, 0, 1, 0), DIMS(3)))), 0, VALUES(QN_BOOL, uint8_t, 0),
           DIMS(1));
    node_end(&t);
}

QN_TEST(kernels_ref_reduce_nan) {
    node_test t = node_begin();
    for (int at = 0; at < 20; at++) {
        float v[20] = {0};
        v[at] = NAN;
        qn_tensor x = tensor(QN_F32, 20, v, DIMS(20)), columns = tensor(QN_F32, 20, v, DIMS(10, 2));
        assert_true(isnan(element(run_ref(&t, "ReduceMax", 1, IN(x)), 0)));
        assert_true(isnan(element(run_ref(&t, "ReduceMin", 1, IN(x)), 0)));
        const qn_tensor *y = run_ref(&t, "ReduceMax", 1, IN(columns, tensor(I64(0), DIMS(1))));
        assert_true(isnan(element(y, at % 2)) && element(y, 1 - at % 2) == 0);
    }
    node_end(&t);
}

QN_TEST(kernels_ref_reduce_arg) {
    node_test t = node_begin();
    qn_tensor x = tensor(F32(2, 1, 2, 3, 10, 10), DIMS(2, 3));
    expect(run_ref(&t, "ArgMax {axis=1}", 1, IN(x)), 0, I64(0, 1), DIMS(2, 1));
    expect(run_ref(&t, "ArgMax {axis=1, select_last_index=1, keepdims=0}", 1, IN(x)), 0, I64(2, 2), DIMS(2));
    expect(run_ref(&t, "ArgMin {axis=-1, keepdims=0}", 1, IN(x)), 0, I64(1, 0), DIMS(2));
    expect(run_ref(&t, "ArgMax", 1, IN(x)), 0, I64(1, 1, 1), DIMS(1, 3));
    expect(run_ref(&t, "ArgMin {select_last_index=1}", 1, IN(tensor(U8(4, 4, 9), DIMS(3)))), 0, I64(1), DIMS(1));
    expect(run_ref(&t, "ArgMax", 1, IN(tensor(F32(1, NAN, 5, NAN), DIMS(4)))), 0, I64(1), DIMS(1));
    expect(run_ref(&t, "ArgMin {select_last_index=1}", 1, IN(tensor(F32(1, NAN, 5, NAN), DIMS(4)))), 0, I64(3), DIMS(1));
    qn_tensor out[1];
    ASSERT_FAILS(t.ctx, QN_MALFORMED, "axis 0", try_node(&t, true, "ArgMax", out, 1, IN(empty(QN_F32, DIMS(0, 2)))));
    node_end(&t);
}
