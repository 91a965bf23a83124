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
    {"Erf", TOL},
    {"Exp", TOL},
    {"Gelu", TOL},
    {"Gelu {approximate=\"tanh\"}", TOL},
    {"HardSigmoid {alpha=0.3, beta=0.4}", TOL},
    {"HardSwish", TOL},
    {"LeakyRelu {alpha=0.25}", EXACT},
    {"Reciprocal", EXACT},
    {"Relu", EXACT},
    {"Sigmoid", TOL},
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
    static const char *const nodes[] = {"Abs",       "Erf",  "Exp",     "HardSigmoid", "HardSwish",
                                        "LeakyRelu", "Relu", "Sigmoid", "Tanh"};
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

QN_TEST(kernels_elementwise_binary) {
    node_test t = node_begin();
    static const char *const nodes[] = {"Add", "Sub", "Mul", "Div", "Add {activation=\"RELU\"}"};
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
