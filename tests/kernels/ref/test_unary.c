/* Element-wise functions of one input: numbers from NumPy and Python's math in float64. */
#include "tests/kernels/run_node.h"

#include "base/half.h"

#include <math.h>

#define X F32(-3, -1.5f, -0.5f, -0.0f, 0.25f, 1, 2.5f, 20)

typedef struct row {
    const char *node;
    double want[8];
} row;

static const row g_rows[] = {
    {"Abs", {3, 1.5, 0.5, 0, 0.25, 1, 2.5, 20}},
    {"Neg", {3, 1.5, 0.5, 0, -0.25, -1, -2.5, -20}},
    {"Sign", {-1, -1, -1, 0, 1, 1, 1, 1}},
    {"Ceil", {-3, -1, 0, 0, 1, 1, 3, 20}},
    {"Floor", {-3, -2, -1, 0, 0, 1, 2, 20}},
    {"Round", {-3, -2, 0, 0, 0, 1, 2, 20}},
    {"Cos", {-0.989992497, 0.0707372017, 0.877582562, 1, 0.968912422, 0.540302306, -0.801143616, 0.408082062}},
    {"Sin", {-0.141120008, -0.997494987, -0.479425539, 0, 0.247403959, 0.841470985, 0.598472144, 0.912945251}},
    {"Tan", {0.142546543, -14.1014199, -0.54630249, 0, 0.255341921, 1.55740772, -0.747022297, 2.23716094}},
    {"Tanh", {-0.995054754, -0.905148254, -0.462117157, 0, 0.244918662, 0.761594156, 0.986614298, 1}},
    {"Exp", {0.0497870684, 0.22313016, 0.60653066, 1, 1.28402542, 2.71828183, 12.182494, 485165195}},
    {"Erf", {-0.99997791, -0.966105146, -0.520499878, 0, 0.27632639, 0.842700793, 0.999593048, 1}},
    {"Sigmoid", {0.0474258732, 0.182425524, 0.377540669, 0.5, 0.562176501, 0.731058579, 0.92414182, 1}},
    {"HardSigmoid", {0, 0.2, 0.4, 0.5, 0.55, 0.7, 1, 1}},
    {"HardSigmoid {alpha=0.5, beta=0.25}", {0, 0, 0, 0.25, 0.375, 0.75, 1, 1}},
    {"HardSwish", {0, -0.375, -0.208333333, 0, 0.135416667, 0.666666667, 2.29166667, 20}},
    {"Swish", {-0.14227762, -0.273638286, -0.188770334, 0, 0.140544125, 0.731058579, 2.31035455, 20}},
    {"Swish {alpha=1.7}", {-0.0181794045, -0.108639728, -0.149716429, 0, 0.151169771, 0.845534735, 2.46484093, 20}},
    {"Softplus", {0.0485873516, 0.201413278, 0.474076984, 0.693147181, 0.82593942, 1.31326169, 2.57888973, 20}},
    {"Gelu", {-0.00404969409, -0.100210802, -0.154268769, 0, 0.149676581, 0.841344746, 2.48447584, 20}},
    {"Gelu {approximate=\"tanh\"}",
     {-0.00363739208, -0.100428423, -0.15428599, 0, 0.149675351, 0.841191991, 2.48491573, 20}},
    {"Relu", {0, 0, 0, 0, 0.25, 1, 2.5, 20}},
    {"LeakyRelu {alpha=0.1}", {-0.3, -0.15, -0.05, 0, 0.25, 1, 2.5, 20}},
    {"Elu {alpha=1.5}", {-1.4253194, -1.16530476, -0.59020401, 0, 0.25, 1, 2.5, 20}},
    {"Identity", {-3, -1.5, -0.5, 0, 0.25, 1, 2.5, 20}},
};

/* One rounding to float32 and nine printed digits: relative 1e-7 or so. */
static void close_to(double got, double want) { assert_true(fabs(got - want) <= 2e-7 * fmax(1, fabs(want))); }

QN_TEST(kernels_ref_unary_values) {
    for (size_t r = 0; r < sizeof g_rows / sizeof g_rows[0]; r++) {
        node_test t = node_begin();
        const qn_tensor *y = run_ref(&t, g_rows[r].node, 1, IN(tensor(X, DIMS(2, 4))));
        expect_dims(y, DIMS(2, 4));
        for (int i = 0; i < 8; i++)
            close_to(element(y, i), g_rows[r].want[i]);
        node_end(&t);
    }
}

QN_TEST(kernels_ref_unary_positive) {
    node_test t = node_begin();
    expect(run_ref(&t, "Log", 1, IN(tensor(F32(0.25f, 1, 2.5f, 20, 0), DIMS(5)))), 1e-6,
           F32(-1.38629436f, 0, 0.916290732f, 2.99573227f, -INFINITY), DIMS(5));
    expect(run_ref(&t, "Sqrt", 1, IN(tensor(F32(0.25f, 1, 2.5f, 20, -1), DIMS(5)))), 1e-7,
           F32(0.5f, 1, 1.58113883f, 4.47213595f, NAN), DIMS(5));
    expect(run_ref(&t, "Reciprocal", 1, IN(tensor(F32(-3, 4, 0), DIMS(3)))), 1e-7, F32(-1.0f / 3, 0.25f, INFINITY),
           DIMS(3));
    node_end(&t);
}

QN_TEST(kernels_ref_unary_double) {
    node_test t = node_begin();
    const qn_tensor *y = run_ref(&t, "Exp", 1, IN(tensor(F64(1), DIMS(1))));
    assert_true(element(y, 0) == 2.718281828459045);
    y = run_ref(&t, "Gelu", 1, IN(tensor(F64(1), DIMS(1))));
    assert_true(fabs(element(y, 0) - 0.8413447460685429) < 1e-15);
    node_end(&t);
}

/* NaN in, NaN out; infinities where the limit exists. */
QN_TEST(kernels_ref_unary_not_finite) {
    static const char *const nodes[] = {"Abs", "Neg", "Sign", "Ceil", "Round", "Cos", "Tanh", "Exp", "Erf", "Sigmoid",
                                        "HardSigmoid", "HardSwish", "Swish", "Softplus", "Gelu", "Relu", "LeakyRelu", "Elu",
                                        "Sqrt", "Log", "Clip"};
    for (size_t i = 0; i < sizeof nodes / sizeof nodes[0]; i++) {
        node_test t = node_begin();
        assert_true(isnan(element(run_ref(&t, nodes[i], 1, IN(tensor(F32(NAN), DIMS(1)))), 0)));
        node_end(&t);
    }
    node_test t = node_begin();
    expect(run_ref(&t, "Sigmoid", 1, IN(tensor(F32(-INFINITY, INFINITY, -800, 800), DIMS(4)))), 0, F32(0, 1, 0, 1), DIMS(4));
    expect(run_ref(&t, "Softplus", 1, IN(tensor(F32(-INFINITY, INFINITY, -800, 800), DIMS(4)))), 0,
           F32(0, INFINITY, 0, 800), DIMS(4));
    expect(run_ref(&t, "Erf", 1, IN(tensor(F32(-INFINITY, INFINITY), DIMS(2)))), 0, F32(-1, 1), DIMS(2));
    node_end(&t);
}

QN_TEST(kernels_ref_unary_integers) {
    node_test t = node_begin();
    expect(run_ref(&t, "Abs", 1, IN(tensor(I8(-128, -1, 0, 127), DIMS(4)))), 0, I8(-128, 1, 0, 127), DIMS(4));
    expect(run_ref(&t, "Neg", 1, IN(tensor(I32(INT32_MIN, -1, 5), DIMS(3)))), 0, I32(INT32_MIN, 1, -5), DIMS(3));
    expect(run_ref(&t, "Sign", 1, IN(tensor(I64(-9, 0, 7), DIMS(3)))), 0, I64(-1, 0, 1), DIMS(3));
    expect(run_ref(&t, "Sign", 1, IN(tensor(U8(0, 200), DIMS(2)))), 0, U8(0, 1), DIMS(2));
    expect(run_ref(&t, "Relu", 1, IN(tensor(I32(-4, 4), DIMS(2)))), 0, I32(0, 4), DIMS(2));
    node_end(&t);
}

QN_TEST(kernels_ref_unary_clip) {
    node_test t = node_begin();
    qn_tensor x = tensor(F32(-2, -1, 0, 1, 2, NAN), DIMS(6));
    qn_tensor lo = tensor(F32(-1), SCALAR), hi = tensor(F32(0.5f), SCALAR);
    expect(run_ref(&t, "Clip", 1, IN(x, lo, hi)), 0, F32(-1, -1, 0, 0.5f, 0.5f, NAN), DIMS(6));
    expect(run_ref(&t, "Clip", 1, IN(x, ABSENT, hi)), 0, F32(-2, -1, 0, 0.5f, 0.5f, NAN), DIMS(6));
    expect(run_ref(&t, "Clip", 1, IN(x, lo)), 0, F32(-1, -1, 0, 1, 2, NAN), DIMS(6));
    expect(run_ref(&t, "Clip", 1, IN(x, hi, lo)), 0, F32(-1, -1, -1, -1, -1, NAN), DIMS(6)); /* min > max: max */
    expect(run_ref(&t, "Clip", 1, IN(tensor(I8(-100, 0, 100), DIMS(3)), tensor(I8(-5), SCALAR), tensor(I8(5), SCALAR))), 0,
           I8(-5, 0, 5), DIMS(3));
    node_end(&t);
}

QN_TEST(kernels_ref_unary_prelu) {
    node_test t = node_begin();
    qn_tensor x = tensor(F32(-1, 2, -3, 4, -5, 6), DIMS(3, 2)), slope = tensor(F32(0.5f, 0.1f, 2), DIMS(3, 1));
    expect(run_ref(&t, "PRelu", 1, IN(x, slope)), 1e-7, F32(-0.5f, 2, -0.3f, 4, -10, 6), DIMS(3, 2));
    expect(run_ref(&t, "PRelu", 1, IN(tensor(I32(-3, 3), DIMS(2)), tensor(I32(2), DIMS(1)))), 0, I32(-6, 3), DIMS(2));
    node_end(&t);
}

QN_TEST(kernels_ref_unary_shapes) {
    node_test t = node_begin();
    expect_dims(run_ref(&t, "Exp", 1, IN(empty(QN_F32, DIMS(2, 0, 3)))), DIMS(2, 0, 3));
    expect(run_ref(&t, "Exp", 1, IN(tensor(F32(0), SCALAR))), 0, F32(1), SCALAR);
    node_end(&t);
}

/* float16 and bfloat16 are computed in float32 and rounded once. */
QN_TEST(kernels_ref_unary_half) {
    node_test t = node_begin();
    static const qn_dtype halves[] = {QN_F16, QN_BF16};
    for (int k = 0; k < 2; k++) {
        qn_tensor x = pattern_as(&t, halves[k], 3, DIMS(50)), wide = pattern(&t, 3, DIMS(50));
        const qn_tensor *y = run_ref(&t, "Sigmoid", 1, IN(x));
        assert_int_equal(y->dtype, halves[k]);
        for (int i = 0; i < 50; i++) {
            float v = (float)(1 / (1 + exp(-element(&wide, i))));
            uint16_t bits = halves[k] == QN_F16 ? qn_f32_to_f16(v) : qn_f32_to_bf16(v);
            assert_int_equal(((const uint16_t *)y->data)[i], bits);
        }
    }
    node_end(&t);
}

/* Over the pool and in one piece the same bits, also where the number of elements is odd. */
QN_TEST(kernels_ref_unary_large) {
    node_test t = node_begin();
    enum { N = 100003 };
    qn_tensor x = normal(&t, 5, DIMS(N));
    const qn_tensor *y = run_ref(&t, "Tanh", 1, IN(x));
    for (int64_t i = 0; i < N; i++)
        assert_true(((const float *)y->data)[i] == (float)tanh((double)((const float *)x.data)[i]));
    node_end(&t);
}

QN_TEST(kernels_ref_unary_refused) {
    node_test t = node_begin();
    qn_tensor out[1];
    qn_tensor x = tensor(I32(1), DIMS(1));
    qn_status status = try_node(&t, true, "Gelu {approximate=\"cubic\"}", out, 1, IN(tensor(F32(1), DIMS(1))));
    assert_true(status == QN_UNSUPPORTED || status == QN_MALFORMED);
    qn_clear(t.ctx);
    status = try_node(&t, true, "Cos", out, 1, &x, 1);
    assert_true(status == QN_UNSUPPORTED || status == QN_MALFORMED);
    node_end(&t);
}
