#include "tests/kernels/fast_node.h"

#include <math.h>
#include <stdio.h>

typedef struct conv_case {
    const char *attrs;
    int64_t x[4], w[4];
} conv_case;

/* x, w, bias, and for Conv a residual from a first run's shape. */
static void check(const char *op, const conv_case *c, int32_t rank, qn_dtype dtype, bool transposed, double tol) {
    node_test t = node_begin();
    char node[256];
    snprintf(node, sizeof node, "%s {%s}", op, c->attrs);
    qn_tensor x = pattern_as(&t, dtype, 1, rank, c->x), w = pattern_as(&t, dtype, 2, rank, c->w);
    const qn_tensor *y = run_ref(&t, node, 1, IN(x, w));
    qn_tensor bias = pattern_as(&t, dtype, 3, 1, &y->dims[1]);
    check_fast(node, tol, 1, IN(x, w));
    check_fast(node, tol, 1, IN(x, w, bias));
    if (!transposed) {
        qn_tensor residual = pattern_as(&t, dtype, 4, y->rank, y->dims);
        check_fast(node, tol, 1, IN(x, w, bias, residual));
        check_fast(node, tol, 1, IN(x, w, ABSENT, residual));
        snprintf(node, sizeof node, "%s {%s%sactivation=\"RELU\"}", op, c->attrs, c->attrs[0] ? ", " : "");
        check_fast(node, tol, 1, IN(x, w, bias, residual));
    }
    node_end(&t);
}

static const conv_case g_conv[] = {
    {"", {1, 3, 8, 9}, {5, 3, 3, 3}},
    {"pads=[1,1,1,1]", {2, 4, 7, 40}, {6, 4, 3, 3}},
    {"pads=[2,0,1,3], strides=[2,3]", {1, 3, 11, 13}, {4, 3, 3, 5}},
    {"strides=[4,4]", {1, 3, 16, 36}, {20, 3, 4, 4}},
    {"", {2, 17, 5, 7}, {33, 17, 1, 1}},
    {"strides=[2,2]", {1, 6, 9, 9}, {4, 6, 1, 1}},
    {"pads=[1,1,1,1]", {1, 3, 6, 6}, {2, 3, 1, 1}},
    {"dilations=[2,3], pads=[2,3,2,3]", {1, 2, 12, 14}, {3, 2, 3, 3}},
    {"group=3, pads=[1,1,1,1]", {2, 6, 6, 5}, {9, 2, 3, 3}},
    {"auto_pad=\"SAME_UPPER\", strides=[2,2]", {1, 2, 7, 8}, {3, 2, 3, 3}},
    {"auto_pad=\"SAME_LOWER\", strides=[2,2]", {1, 2, 7, 8}, {3, 2, 3, 4}},
    {"pads=[5,5,5,5]", {1, 2, 2, 2}, {3, 2, 3, 3}},
    {"", {1, 2, 3, 3}, {70, 2, 3, 3}},
    {"", {0, 2, 5, 5}, {3, 2, 3, 3}},
    {"", {1, 0, 5, 5}, {3, 0, 3, 3}},
    /* depthwise */
    {"group=5, pads=[1,1,1,1]", {2, 5, 9, 70}, {5, 1, 3, 3}},
    {"group=5, pads=[1,1,1,1], strides=[2,2]", {1, 5, 9, 37}, {5, 1, 3, 3}},
    {"group=4, pads=[0,2,1,0], strides=[1,3], dilations=[2,2]", {1, 4, 12, 40}, {8, 1, 3, 5}},
    {"group=5, pads=[0,0,1,1], strides=[2,2]", {1, 5, 9, 70}, {5, 1, 3, 3}},
    {"group=3, pads=[3,3,3,3]", {1, 3, 33, 90}, {3, 1, 7, 7}},
    {"group=6", {1, 6, 4, 4}, {6, 1, 1, 1}},
    {"group=2, pads=[4,4,4,4], strides=[3,3]", {1, 2, 2, 3}, {2, 1, 3, 3}},
};

/* Everything that is a sum of products in any order: several panels, pieces, bands, phases, pointwise tails. */
static const conv_case g_direct[] = {
    {"pads=[1,1,1,1], strides=[2,2]", {1, 3, 70, 90}, {16, 3, 3, 3}},
    {"pads=[2,2,2,2]", {1, 1, 60, 70}, {29, 1, 5, 5}},
    {"pads=[3,3,3,3], strides=[2,2]", {1, 3, 50, 61}, {20, 3, 7, 7}},
    {"pads=[5,5,5,5], dilations=[5,5]", {2, 6, 30, 40}, {16, 6, 3, 3}},
    {"pads=[1,1,1,1]", {1, 5, 9, 300}, {31, 5, 3, 3}},
    {"pads=[0,4,0,4]", {1, 7, 1, 3000}, {9, 7, 1, 9}},
    {"strides=[4,4]", {1, 3, 64, 64}, {10, 3, 4, 4}},
    {"strides=[3,1], pads=[1,1,1,1]", {1, 4, 40, 33}, {15, 4, 3, 3}},
    {"", {1, 16, 60, 71}, {40, 16, 1, 1}},
    {"", {2, 40, 32, 32}, {17, 40, 1, 1}},
    {"", {1, 33, 13, 13}, {1, 33, 1, 1}},
    {"strides=[2,2]", {1, 12, 31, 45}, {30, 12, 1, 1}},
    {"group=2", {1, 16, 23, 29}, {30, 8, 1, 1}},
    {"group=40, pads=[2,2,2,2]", {2, 40, 5, 10}, {40, 1, 5, 5}},
    {"group=9, pads=[4,4,4,4], dilations=[4,4]", {1, 9, 33, 33}, {9, 1, 3, 3}},
    {"group=9, pads=[1,1,1,1]", {1, 9, 120, 160}, {9, 1, 3, 3}},
    {"group=9, pads=[0,1,1,0], strides=[2,2]", {1, 9, 47, 160}, {18, 1, 3, 3}},
    {"group=3, pads=[1,1,1,1]", {1, 3, 2, 3}, {3, 1, 3, 3}},
    {"strides=[1000,2000000000], pads=[1,1,1,1]", {1, 2, 9, 9}, {4, 2, 3, 3}},
    {"pads=[0,1,0,1], strides=[1,3]", {1, 2, 1, 200}, {3, 2, 1, 5}},
    {"", {1, 4000, 3, 5}, {2, 4000, 1, 1}}, /* a band of so many channels is too large */
};

QN_TEST(kernels_conv_direct) {
    for (size_t i = 0; i < sizeof g_direct / sizeof g_direct[0]; i++) {
        check("Conv", &g_direct[i], 4, QN_F32, false, EXACT);
        check("Conv", &g_direct[i], 4, i % 2 ? QN_F16 : QN_BF16, false, EXACT);
    }
}

static const conv_case g_winograd[] = {
    {"", {1, 8, 14, 14}, {8, 8, 3, 3}},
    {"pads=[1,1,1,1]", {2, 16, 13, 13}, {17, 16, 3, 3}},
    {"pads=[1,1,1,1]", {1, 33, 5, 70}, {9, 33, 3, 3}},
    {"pads=[2,0,1,2]", {1, 9, 41, 7}, {32, 9, 3, 3}},
    {"pads=[1,1,1,1]", {1, 8, 30, 300}, {70, 8, 3, 3}},
    {"pads=[1,1,1,1], group=2", {2, 20, 9, 30}, {16, 10, 3, 3}},
    {"pads=[3,3,3,3]", {1, 12, 11, 18}, {12, 12, 3, 3}},
    {"pads=[1,1,1,1]", {1, 64, 26, 37}, {64, 64, 3, 3}},
    {"pads=[1,1,1,1]", {1, 256, 8, 17}, {230, 256, 3, 3}}, /* the weights in two passes */
};

/* Eight standard deviations of the error at the corner of a tile, as winograd.c derives it, of outputs of variance 1
 * (inputs of variance 1, weights of 1 / 9C). */
static double winograd_tol(int64_t C) { return 8 * 0x1p-24 * 7.2 * sqrt((double)C / 6 + 4); }

QN_TEST(kernels_conv_winograd) {
    for (size_t i = 0; i < sizeof g_winograd / sizeof g_winograd[0]; i++) {
        const conv_case *c = &g_winograd[i];
        node_test t = node_begin();
        char node[256];
        snprintf(node, sizeof node, "Conv {%s}", c->attrs);
        qn_tensor x = normal(&t, 1, 4, c->x), w = scaled(normal(&t, 2, 4, c->w), 1 / sqrt(9.0 * (double)c->w[1]));
        const qn_tensor *y = run_ref(&t, node, 1, IN(x, w));
        qn_tensor bias = pattern(&t, 3, 1, &y->dims[1]), residual = pattern(&t, 4, y->rank, y->dims);
        check_fast(node, winograd_tol(c->w[1]), 1, IN(x, w));
        snprintf(node, sizeof node, "Conv {%s%sactivation=\"RELU\"}", c->attrs, c->attrs[0] ? ", " : "");
        check_fast(node, winograd_tol(c->w[1]), 1, IN(x, w, bias, residual));
        node_end(&t);
    }
}

/* Stored as float16 or bfloat16: both sides round once, so that they may be neighbours. */
QN_TEST(kernels_conv_winograd_halves) {
    node_test t = node_begin();
    for (int bf = 0; bf < 2; bf++) {
        qn_dtype dtype = bf ? QN_BF16 : QN_F16;
        qn_tensor x = pattern_as(&t, dtype, 1, DIMS(1, 9, 21, 19)), w = pattern_as(&t, dtype, 2, DIMS(12, 9, 3, 3));
        check_fast("Conv {pads=[1,1,1,1]}", bf ? 0x1p-7 : 0x1p-10, 1, IN(x, w));
    }
    node_end(&t);
}

QN_TEST(kernels_conv_shapes) {
    for (size_t i = 0; i < sizeof g_conv / sizeof g_conv[0]; i++)
        check("Conv", &g_conv[i], 4, QN_F32, false, EXACT);
}

/* one rounding at the end: the same from the same exact sum */
QN_TEST(kernels_conv_halves) {
    for (size_t i = 0; i < sizeof g_conv / sizeof g_conv[0]; i++)
        check("Conv", &g_conv[i], 4, i % 2 ? QN_F16 : QN_BF16, false, EXACT);
}

QN_TEST(kernels_conv_one_axis) {
    static const conv_case cases[] = {
        {"", {2, 3, 20}, {4, 3, 5}},
        {"pads=[2,2], strides=[2]", {1, 3, 33}, {4, 3, 5}},
        {"group=4, pads=[1,1]", {1, 4, 100}, {4, 1, 3}},
        {"group=2, pads=[1,0], dilations=[3]", {1, 4, 50}, {6, 2, 3}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check("Conv", &cases[i], 3, QN_F32, false, EXACT);
}

/* GELU of float32 is within 4e-7 |x| of the true one, and |x| is under 40 here. */
QN_TEST(kernels_conv_activations) {
    node_test t = node_begin();
    qn_tensor x = scaled(pattern(&t, 1, DIMS(1, 4, 9, 21)), 0.25), w = scaled(pattern(&t, 2, DIMS(8, 4, 3, 3)), 0.25);
    qn_tensor d = scaled(pattern(&t, 3, DIMS(4, 1, 3, 3)), 0.5);
    static const char *const acts[] = {"RELU",    "CLIP", "GELU",        "GELU_TANH", "SILU",
                                       "SIGMOID", "TANH", "HARDSIGMOID", "HARDSWISH"};
    for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++) {
        char node[256];
        snprintf(node, sizeof node, "Conv {pads=[1,1,1,1], activation=\"%s\", activation_max=0.5}", acts[i]);
        check_fast(node, 5e-6, 1, IN(x, w));
        snprintf(node, sizeof node, "Conv {pads=[1,1,1,1], group=4, activation=\"%s\", activation_min=-0.25}", acts[i]);
        check_fast(node, 5e-6, 1, IN(x, d));
    }
    node_end(&t);
}

static const conv_case g_transpose[] = {
    {"", {1, 3, 4, 5}, {3, 4, 3, 3}},
    {"strides=[2,2]", {2, 3, 4, 5}, {3, 4, 2, 2}},
    {"strides=[4,4]", {1, 16, 7, 9}, {16, 5, 4, 4}},
    {"strides=[2,2]", {1, 6, 9, 37}, {6, 3, 2, 2}},
    {"strides=[4,4]", {1, 5, 4, 35}, {5, 2, 4, 4}},
    {"strides=[3,3]", {2, 3, 5, 21}, {3, 2, 3, 3}},
    {"strides=[2,2], output_padding=[1,1]", {1, 3, 5, 21}, {3, 2, 2, 2}},
    {"strides=[2,3], pads=[1,0,2,1], output_padding=[1,2]", {1, 2, 5, 4}, {2, 3, 3, 4}},
    {"dilations=[2,1], group=2, strides=[1,2]", {1, 4, 5, 6}, {4, 3, 3, 3}},
    {"strides=[3,3], output_shape=[14,16]", {1, 2, 4, 5}, {2, 2, 3, 3}},
    {"strides=[2,2], auto_pad=\"SAME_UPPER\"", {1, 2, 4, 5}, {2, 2, 3, 3}},
    {"strides=[5,5]", {1, 2, 3, 3}, {2, 2, 2, 2}},
    {"", {1, 0, 3, 3}, {0, 2, 2, 2}},
    {"", {0, 2, 3, 3}, {2, 2, 2, 2}},
};

QN_TEST(kernels_conv_transpose_shapes) {
    for (size_t i = 0; i < sizeof g_transpose / sizeof g_transpose[0]; i++)
        check("ConvTranspose", &g_transpose[i], 4, QN_F32, true, EXACT);
    static const conv_case one = {"strides=[2], pads=[1,1]", {2, 3, 11}, {3, 2, 4}};
    check("ConvTranspose", &one, 3, QN_F32, true, EXACT);
}

QN_TEST(kernels_conv_transpose_halves) {
    for (size_t i = 0; i < 10; i++) {
        check("ConvTranspose", &g_transpose[i], 4, QN_F16, true, EXACT);
        check("ConvTranspose", &g_transpose[i], 4, QN_BF16, true, EXACT);
    }
}
