#include "tests/kernels/fast_node.h"

#include <math.h>
#include <stdio.h>

/* Weights and sums in float32: a few units of values under 2. */
#define TOL 1e-6

static const char *const g_modes[] = {"nearest", "linear", "cubic"};
static const char *const g_coords[] = {"half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel",
                                       "half_pixel_symmetric"};

QN_TEST(kernels_resize_sizes) {
    node_test t = node_begin();
    static const int64_t sizes[][2] = {{14, 18}, {3, 4}, {7, 9}, {1, 40}, {20, 1}, {7, 30}};
    for (int m = 0; m < 3; m++)
        for (size_t c = 0; c < sizeof g_coords / sizeof g_coords[0]; c++)
            for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
                char node[256];
                snprintf(node, sizeof node, "Resize {mode=\"%s\", coordinate_transformation_mode=\"%s\"%s}", g_modes[m],
                         g_coords[c], s % 2 && m ? ", antialias=1" : "");
                int64_t full[4] = {2, 3, sizes[s][0], sizes[s][1]};
                check_fast(node, m ? TOL : EXACT, 1,
                           IN(pattern(&t, 1, DIMS(2, 3, 7, 9)), ABSENT, ABSENT, tensor(QN_I64, 4, full, DIMS(4))));
            }
    node_end(&t);
}

QN_TEST(kernels_resize_forms) {
    node_test t = node_begin();
    qn_tensor x = pattern(&t, 1, DIMS(1, 4, 40, 33));
    check_fast("Resize {mode=\"linear\"}", TOL, 1, IN(x, ABSENT, tensor(F32(1, 1, 1.7f, 2.6f), DIMS(4))));
    check_fast("Resize {mode=\"linear\", axes=[2,3]}", TOL, 1, IN(x, ABSENT, tensor(F32(0.5f, 0.3f), DIMS(2))));
    check_fast("Resize {mode=\"linear\"}", TOL, 1, IN(pattern(&t, 1, DIMS(50)), ABSENT, tensor(F32(1.7f), DIMS(1))));
    check_fast("Resize {mode=\"linear\"}", TOL, 1, IN(pattern(&t, 1, DIMS(3, 50)), ABSENT, tensor(F32(2, 1), DIMS(2))));
    check_fast("Resize", EXACT, 1, IN(x, ABSENT, tensor(F32(1, 1, 2, 2), DIMS(4))));
    /* the same size by another scale is resampled; on an outer axis that is the reference's work */
    check_fast("Resize {mode=\"linear\"}", TOL, 1, IN(x, ABSENT, tensor(F32(1, 1, 1.02f, 1.01f), DIMS(4))));
    check_fast("Resize {mode=\"linear\"}", TOL, 1, IN(x, ABSENT, tensor(F32(1, 1.1f, 2, 2), DIMS(4))));
    check_fast("Resize {mode=\"linear\"}", 0x1p-10, 1,
               IN(pattern_as(&t, QN_F16, 1, DIMS(1, 2, 9, 21)), ABSENT, tensor(F32(1, 1, 1.5f, 2.5f), DIMS(4))));
    check_fast("Resize {mode=\"linear\"}", 0x1p-7, 1,
               IN(pattern_as(&t, QN_BF16, 1, DIMS(1, 2, 9, 21)), ABSENT, tensor(F32(1, 1, 1.5f, 2.5f), DIMS(4))));
    check_fast("Resize", EXACT, 1,
               IN(pattern_as(&t, QN_BF16, 1, DIMS(1, 2, 9, 21)), ABSENT, tensor(F32(1, 1, 3, 2), DIMS(4))));
    node_end(&t);
}

QN_TEST(kernels_max_pool) {
    node_test t = node_begin();
    static const struct {
        const char *attrs;
        int64_t dims[4];
    } cases[] = {
        {"kernel_shape=[2,2], strides=[2,2]", {1, 3, 8, 10}},
        {"kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1]", {2, 3, 15, 71}},
        {"kernel_shape=[5,5], pads=[2,2,2,2]", {1, 2, 13, 40}},
        {"kernel_shape=[3,2], strides=[1,2], dilations=[2,3], pads=[2,1,0,2]", {1, 2, 13, 40}},
        {"kernel_shape=[2,2], strides=[2,2], ceil_mode=1", {1, 2, 9, 11}},
        {"kernel_shape=[3,3], strides=[2,2], auto_pad=\"SAME_UPPER\"", {1, 2, 9, 12}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char node[256];
        snprintf(node, sizeof node, "MaxPool {%s}", cases[i].attrs);
        qn_tensor x = pattern(&t, 1, 4, cases[i].dims);
        check_fast(node, EXACT, 1, IN(x));
        ((float *)x.data)[7] = NAN;
        ((float *)x.data)[30] = -INFINITY;
        check_fast(node, EXACT, 1, IN(x));
        check_fast(node, EXACT, 1, IN(pattern_as(&t, QN_F16, 1, 4, cases[i].dims)));
    }
    check_fast("MaxPool {kernel_shape=[3], strides=[2], pads=[1,1]}", EXACT, 1, IN(pattern(&t, 1, DIMS(2, 3, 50))));
    node_end(&t);
}

/* Sums of a few dozen sixteenths are exact, and a quotient rounds once. */
QN_TEST(kernels_average_pool) {
    node_test t = node_begin();
    static const struct {
        const char *attrs;
        int64_t dims[4];
    } cases[] = {
        {"kernel_shape=[2,2], strides=[2,2]", {1, 3, 8, 70}},
        {"kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1]", {2, 3, 15, 71}},
        {"kernel_shape=[3,3], pads=[1,1,1,1], count_include_pad=1", {1, 2, 13, 40}},
        {"kernel_shape=[3,2], strides=[1,3], dilations=[2,3], pads=[2,1,0,2]", {1, 2, 13, 40}},
        {"kernel_shape=[2,2], strides=[2,2], ceil_mode=1, count_include_pad=1", {1, 2, 9, 11}},
        {"kernel_shape=[3,3], strides=[2,2], auto_pad=\"SAME_UPPER\"", {1, 2, 9, 12}},
        {"kernel_shape=[33,33]", {1, 5, 33, 33}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char node[256];
        snprintf(node, sizeof node, "AveragePool {%s}", cases[i].attrs);
        check_fast(node, 0x1p-23, 1, IN(pattern(&t, 1, 4, cases[i].dims)));
        check_fast(node, 0x1p-10, 1, IN(pattern_as(&t, QN_F16, 1, 4, cases[i].dims)));
    }
    check_fast("AveragePool {kernel_shape=[3], strides=[2], pads=[1,1]}", 0x1p-23, 1,
               IN(pattern(&t, 1, DIMS(2, 3, 50))));
    node_end(&t);
}

QN_TEST(kernels_global_pool) {
    node_test t = node_begin();
    static const int64_t dims[][4] = {{2, 3, 1, 1},   {1, 7, 5, 10}, {2, 5, 1, 64}, {1, 40, 13, 13},
                                      {1, 3, 41, 70}, {0, 3, 5, 5},  {1, 2, 0, 3}};
    for (size_t i = 0; i < sizeof dims / sizeof dims[0]; i++) {
        check_fast("GlobalAveragePool", 0x1p-23, 1, IN(pattern(&t, 1, 4, dims[i])));
        check_fast("GlobalMaxPool", EXACT, 1, IN(pattern(&t, 1, 4, dims[i])));
        check_fast("GlobalAveragePool", 0x1p-10, 1, IN(pattern_as(&t, QN_F16, 1, 4, dims[i])));
        check_fast("GlobalMaxPool", EXACT, 1, IN(pattern_as(&t, QN_BF16, 1, 4, dims[i])));
    }
    qn_tensor x = pattern(&t, 1, DIMS(1, 2, 5, 21));
    ((float *)x.data)[3] = NAN;
    ((float *)x.data)[209] = NAN;
    check_fast("GlobalMaxPool", EXACT, 1, IN(x));
    node_end(&t);
}
