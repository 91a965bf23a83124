#include "tests/kernels/fast_node.h"

#include <math.h>
#include <stdio.h>

/* The header kernels/simd/math.h promises 4e-7 relative (GELU and SiLU: of |x|, which is under 3.5 here). */
#define TOL 1.4e-6

static const struct {
    const char *node;
    double tol;
} g_unary[] = {
    {"Abs", EXACT},
    {"Ceil", EXACT},
    {"Elu", TOL},
    {"Elu {alpha=0.25}", TOL},
    {"Erf", TOL},
    {"Exp", TOL},
    {"Floor", EXACT},
    {"Gelu", TOL},
    {"Gelu {approximate=\"tanh\"}", TOL},
    {"HardSigmoid {alpha=0.3, beta=0.4}", TOL},
    {"HardSwish", TOL},
    {"LeakyRelu {alpha=0.25}", EXACT},
    {"Neg", EXACT},
    {"Reciprocal", EXACT},
    {"Relu", EXACT},
    {"Round", EXACT},
    {"Sigmoid", TOL},
    {"Sign", EXACT},
    {"Softplus", TOL},
    {"Swish", TOL},
    {"Swish {alpha=1.702}", TOL},
    {"Tanh", TOL},
};

QN_TEST(kernels_elementwise_unary) {
    node_test t = node_begin();
    for (size_t i = 0; i < sizeof g_unary / sizeof g_unary[0]; i++) {
        check_fast(g_unary[i].node, g_unary[i].tol, 1, IN(normal(&t, i + 1, DIMS(3, 1, 357))));
        check_fast(g_unary[i].node, g_unary[i].tol, 1, IN(empty(QN_F32, DIMS(3, 0))));
        check_fast(g_unary[i].node, g_unary[i].tol, 1, IN(normal(&t, i + 1, DIMS(40000))));
        /* the result rounds to the format: one unit when float32's error carries it over a tie */
        check_fast(g_unary[i].node, 0x1p-10, 1, IN(pattern_as(&t, QN_F16, 3, DIMS(75))));
        check_fast(g_unary[i].node, 0x1p-7, 1, IN(pattern_as(&t, QN_BF16, 3, DIMS(75))));
    }
    check_fast("Sqrt", EXACT, 1, IN(tensor(F32(0, 1, 2, 1e-40f, 1e30f, INFINITY, -1, NAN), DIMS(8))));
    node_end(&t);
}

/* Ends of the range: limits, subnormal and overflowing results, NaN. exp's subnormals are within 2e-7 of 2^-126. */
QN_TEST(kernels_elementwise_ends) {
    node_test t = node_begin();
    qn_tensor x = tensor(F32(0, -0.0f, 1e-30f, -1e-40f, 5, -5, 9, -9, 30, -30, 88.7f, -88.7f, 88.75f, -100, -103.9f,
                             -104, 200, -200, 3e38f, -3e38f, INFINITY, -INFINITY, NAN),
                         DIMS(23));
    static const char *const nodes[] = {"Abs",   "Ceil",    "Elu",         "Erf",       "Exp",       "Floor",
                                        "Round", "Log",     "HardSigmoid", "HardSwish", "LeakyRelu", "Neg",
                                        "Relu",  "Sigmoid", "Sign",        "Softplus",  "Tanh"};
    for (size_t i = 0; i < sizeof nodes / sizeof nodes[0]; i++)
        check_fast(nodes[i], TOL, 1, IN(x));
    qn_tensor finite = tensor(F32(0, -0.0f, 1e-30f, 5, -5, 9, -9, 30, -30, 100, -100, INFINITY, NAN), DIMS(13));
    check_fast("Gelu", 1e-5, 1, IN(finite));
    check_fast("Gelu {approximate=\"tanh\"}", 1e-5, 1, IN(finite));
    check_fast("Swish", 1e-5, 1, IN(finite));
    check_fast("Clip", EXACT, 1, IN(x));
    check_fast("Clip", EXACT, 1, IN(x, tensor(F32(-2), SCALAR)));
    check_fast("Clip", EXACT, 1, IN(x, ABSENT, tensor(F32(3), SCALAR)));
    check_fast("Clip", EXACT, 1, IN(x, tensor(F32(4), SCALAR), tensor(F32(3), SCALAR)));
    node_end(&t);
}

/* kernels/simd/log.h promises 2e-7 of max(1, |y|); the halves round it once more. */
QN_TEST(kernels_elementwise_log) {
    node_test t = node_begin();
    qn_tensor x = normal(&t, 4, DIMS(5000));
    float *v = x.data;
    for (int i = 0; i < 5000; i++)
        v[i] = ldexpf(fabsf(v[i]), i % 250 - 125);
    check_fast("Log", 2e-7, 1, IN(x));
    check_fast("Log", 2e-7, 1,
               IN(tensor(F32(1, 1.0000001f, 0.99999994f, 0.70710677f, 1e-45f, 1e-38f, 3e38f), DIMS(7))));
    check_fast("Log", 0x1p-10, 1, IN(pattern_as(&t, QN_F16, 3, DIMS(75))));
    node_end(&t);
}

/* Softplus far below 0 keeps its digits, which an absolute bound does not see. */
QN_TEST(kernels_elementwise_softplus_small) {
    static const char *const isas[] = {"scalar", "avx2", "avx512", "neon"};
    for (size_t i = 0; i < sizeof isas / sizeof isas[0]; i++) {
        node_test t = node_begin_isa(isas[i]);
        const qn_tensor *y = run_best(&t, "Softplus", 1, IN(tensor(F32(-8, -15, -17, -20, -40, -80), DIMS(6))));
        const float *v = y->data, x[] = {-8, -15, -17, -20, -40, -80};
        for (int k = 0; k < 6; k++)
            assert_true(fabs((double)v[k] / log1p(exp((double)x[k])) - 1) < 1e-6);
        node_end(&t);
    }
}

QN_TEST(kernels_elementwise_pow) {
    node_test t = node_begin();
    qn_tensor x = normal(&t, 4, DIMS(3, 500));
    check_fast("Pow", EXACT, 1, IN(x, tensor(F32(2), SCALAR)));
    check_fast("Pow", EXACT, 1, IN(x, tensor(F32(1), DIMS(1))));
    check_fast("Pow", EXACT, 1, IN(x, tensor(F32(-1), SCALAR)));
    check_fast("Pow", EXACT, 1, IN(x, tensor(F32(0.5f), SCALAR)));
    check_fast("Pow", EXACT, 1, IN(x, tensor(F32(-2.5f), DIMS(1, 1))));
    check_fast("Pow", 2 * 0x1p-23, 1, IN(x, tensor(F32(3), SCALAR))); /* rounded twice here, once there */
    check_fast("Pow", 0x1p-10, 1, IN(pattern_as(&t, QN_F16, 3, DIMS(75)), pattern_as(&t, QN_F16, 6, DIMS(1))));
    node_end(&t);
}

QN_TEST(kernels_elementwise_binary) {
    node_test t = node_begin();
    static const char *const nodes[] = {"Add", "Sub", "Mul", "Div", "Add {activation=\"RELU\"}", "Max", "Min"};
    static const qn_dtype kinds[] = {QN_F32, QN_F16, QN_BF16};
    for (size_t i = 0; i < sizeof nodes / sizeof nodes[0]; i++)
        for (int d = 0; d < 3; d++) {
#define P(SEED, ...) pattern_as(&t, kinds[d], SEED, DIMS(__VA_ARGS__))
            /* a quotient of two halves rounds twice here, once in float64 there */
            double tol = i == 3 && d > 0 ? (d == 1 ? 0x1p-10 : 0x1p-7) : EXACT;
            check_fast(nodes[i], tol, 1, IN(P(1, 3, 5, 37), P(2, 3, 5, 37)));
            check_fast(nodes[i], tol, 1, IN(P(1, 3, 5, 37), P(2, 37)));
            check_fast(nodes[i], tol, 1, IN(P(2, 37), P(1, 3, 5, 37)));
            check_fast(nodes[i], tol, 1, IN(P(1, 3, 5, 37), P(2, 5, 1)));
            check_fast(nodes[i], tol, 1, IN(P(1, 3, 1, 37), P(2, 5, 1)));
            check_fast(nodes[i], tol, 1, IN(P(1, 3, 5, 37), pattern_as(&t, kinds[d], 2, SCALAR)));
            check_fast(nodes[i], tol, 1, IN(P(1, 4, 9, 1000), P(2, 4, 1, 1)));
        }
    check_fast("Add {activation=\"GELU\"}", TOL * 2, 1, IN(normal(&t, 1, DIMS(7, 130)), normal(&t, 2, DIMS(130))));
    node_end(&t);
}

QN_TEST(kernels_elementwise_nan) {
    node_test t = node_begin();
    qn_tensor a = tensor(F32(NAN, 1, NAN, -INFINITY, 0), DIMS(5)), b = tensor(F32(1, NAN, NAN, INFINITY, -1), DIMS(5));
    check_fast("Max", EXACT, 1, IN(a, b));
    check_fast("Min", EXACT, 1, IN(a, b));
    check_fast("PRelu", EXACT, 1, IN(a, b));
    check_fast("PRelu", EXACT, 1, IN(normal(&t, 1, DIMS(2, 7, 33)), normal(&t, 2, DIMS(7, 1))));
    node_end(&t);
}

/* ---- programs --------------------------------------------------------------------------------------------- */

#define PROGRAM(OPS, OPERANDS, PARAMS) "Elementwise {ops=[" OPS "], operands=[" OPERANDS "], params=[" PARAMS "]}"

QN_TEST(kernels_elementwise_program) {
    node_test t = node_begin();
    static const char chain[] =
        PROGRAM("\"Mul\", \"Tanh\", \"Mul\", \"Add\", \"Relu\"", "0,1,3,-1,3,4,5,2,6,-1", "0,0,0,0,0,0,0,0,0,0");
    /* one step on numbers within 5 is off by TOL at most; the product with |x| and the sum keep it within 5 TOL */
    check_fast(chain, 5 * TOL, 1,
               IN(normal(&t, 1, DIMS(3, 5, 37)), normal(&t, 2, DIMS(37)), normal(&t, 3, DIMS(5, 1))));
    check_fast(chain, 5 * TOL, 1,
               IN(normal(&t, 1, DIMS(3, 5, 37)), normal(&t, 2, SCALAR), normal(&t, 3, DIMS(3, 5, 37))));
    check_fast(chain, 5 * TOL, 1,
               IN(normal(&t, 1, DIMS(40, 1100)), normal(&t, 2, DIMS(1100)), normal(&t, 3, DIMS(40, 1))));
    check_fast(chain, 5 * TOL, 1, IN(empty(QN_F32, DIMS(0, 4)), normal(&t, 2, DIMS(4)), normal(&t, 3, SCALAR)));
    check_fast(chain, 5 * TOL, 1, IN(normal(&t, 1, SCALAR), normal(&t, 2, SCALAR), normal(&t, 3, SCALAR)));
    check_fast(PROGRAM("\"Clip\", \"Pow\", \"LeakyRelu\", \"Sub\"", "0,-1,2,-1,1,-1,4,3", "-0.5,0.75,2,0,0.25,0,0,0"),
               EXACT, 1, IN(pattern(&t, 1, DIMS(3, 700)), pattern(&t, 2, DIMS(3, 700))));
    check_fast(PROGRAM("\"Gelu\", \"Gelu\", \"Div\"", "0,-1,0,-1,1,2", "0,0,1,0,0,0"), 1e-4, 1,
               IN(scaled(pattern(&t, 1, DIMS(9)), 1)));
    node_end(&t);
}

/* Halves are widened once and rounded once: the sum of two products that would each round is exact before it rounds. */
QN_TEST(kernels_elementwise_program_half) {
    node_test t = node_begin();
    static const char fma[] = PROGRAM("\"Mul\", \"Add\"", "0,1,3,2", "0,0,0,0");
    for (int d = 0; d < 2; d++) {
        const qn_dtype dtype = d ? QN_BF16 : QN_F16;
        check_fast(fma, EXACT, 1,
                   IN(pattern_as(&t, dtype, 1, DIMS(7, 130)), pattern_as(&t, dtype, 2, DIMS(130)),
                      pattern_as(&t, dtype, 3, DIMS(7, 130))));
    }
    node_end(&t);
}

QN_TEST(kernels_elementwise_program_reference) {
    node_test t = node_begin();
    const qn_tensor *y =
        run_ref(&t, PROGRAM("\"Neg\", \"Clip\", \"Pow\", \"Add\"", "0,-1,2,-1,3,-1,4,1", "0,0,-1,2,2,0,0,0"), 1,
                IN(tensor(F32(-3, 0.5f, 4), DIMS(3)), tensor(F32(10, 20), DIMS(2, 1))));
    expect(&y[0], 0, F32(14, 10.25f, 11, 24, 20.25f, 21), DIMS(2, 3));
    y = run_ref(&t, PROGRAM("\"Exp\", \"Log\"", "0,-1,1,-1", "0,0,0,0"), 1, IN(tensor(F64(1, 2), DIMS(2))));
    expect(&y[0], 1e-15, F64(1, 2), DIMS(2));
    node_end(&t);
}
