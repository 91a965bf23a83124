/* Expected numbers: PyTorch 1.13 or NumPy, in float64, on the same patterns. */
#include "tests/kernels/run_node.h"

#include <math.h>

QN_TEST(kernels_ref_pool_average_pads) {
    node_test t = node_begin();
    qn_tensor x = pattern(&t, 1, DIMS(1, 2, 4, 5));
    const qn_tensor *y = run_ref(&t, "AveragePool {kernel_shape=[3,2], strides=[2,2], pads=[1,1,1,1]}", 1, IN(x));
    expect(&y[0], REF_TOL,
           F32(-0.4375f, 0.796875f, 0.25f, 0.104166667f, 0.135416667f, 0.84375f, -0.40625f, -0.390625f, -0.203125f,
               0.916666667f, 0.28125f, 0.21875f),
           DIMS(1, 2, 2, 3));
    y = run_ref(&t, "AveragePool {kernel_shape=[3,2], strides=[2,2], pads=[1,1,1,1], count_include_pad=1}", 1, IN(x));
    expect(&y[0], REF_TOL,
           F32(-0.145833333f, 0.53125f, 0.166666667f, 0.0520833333f, 0.135416667f, 0.84375f, -0.135416667f,
               -0.260416667f, -0.135416667f, 0.458333333f, 0.28125f, 0.21875f),
           DIMS(1, 2, 2, 3));
    node_end(&t);
}

QN_TEST(kernels_ref_pool_average_ceil_mode_counts_to_the_padding) {
    node_test t = node_begin();
    const qn_tensor *y = run_ref(&t,
                                 "AveragePool {kernel_shape=[3,3], strides=[2,2], ceil_mode=1, "
                                 "count_include_pad=1}",
                                 1, IN(pattern(&t, 1, DIMS(1, 1, 6, 6))));
    expect(&y[0], REF_TOL,
           F32(0.736111111f, 0.4375f, -0.635416667f, 0.409722222f, -0.201388889f, -1.02083333f, 0.145833333f,
               -0.239583333f, 0.3125f),
           DIMS(1, 1, 3, 3));
    y = run_ref(&t, "AveragePool {kernel_shape=[3], strides=[3], pads=[1,1], ceil_mode=1, count_include_pad=1}", 1,
                IN(pattern(&t, 1, DIMS(1, 1, 7))));
    expect(&y[0], REF_TOL, F32(-0.0625f, 0.541666667f, 0.0f), DIMS(1, 1, 3));
    node_end(&t);
}

QN_TEST(kernels_ref_pool_average_3d) {
    node_test t = node_begin();
    const qn_tensor *y = run_ref(&t, "AveragePool {kernel_shape=[2,2,2]}", 1, IN(pattern(&t, 1, DIMS(1, 1, 3, 4, 3))));
    expect(&y[0], REF_TOL,
           F32(0.1328125f, -0.1796875f, 0.5859375f, -0.2421875f, 0.5078125f, 0.1171875f, 0.4140625f, -0.53125f,
               0.4609375f, -0.5234375f, 0.390625f, 0.3203125f),
           DIMS(1, 1, 2, 3, 2));
    node_end(&t);
}

QN_TEST(kernels_ref_pool_max_with_indices) {
    node_test t = node_begin();
    const qn_tensor *y = run_ref(&t,
                                 "MaxPool {kernel_shape=[3,2], strides=[2,1], pads=[1,1,1,1], "
                                 "dilations=[1,2]}",
                                 2, IN(pattern(&t, 1, DIMS(2, 2, 5, 4))));
    expect(&y[0], 0,
           F32(-0.8125f, 1.6875f, 0.8125f, 1.6875f, 0.8125f, 1.5f, 1.8125f, 1.5f, 0.8125f, 1.0f, 1.8125f, 1.0f, 0.6875f,
               1.8125f, 0.75f, -1.4375f, 0.0625f, 1.875f, 1.875f, 1.875f, 1.25f, 1.875f, 1.875f, 1.875f, -1.3125f,
               1.1875f, 1.0f, -0.4375f, 1.1875f, 1.1875f, 1.1875f, -0.25f, 1.1875f, 1.0625f, 1.1875f, -0.25f, 1.3125f,
               1.375f, 1.5625f, 1.375f, 0.8125f, 1.375f, 1.5625f, 1.375f, -0.3125f, 1.25f, -0.3125f, 1.25f),
           DIMS(2, 2, 3, 4));
    expect(&y[1], 0,
           I64(1, 2, 7, 2, 13, 6, 15, 6, 13, 14, 15, 14, 21, 24, 27, 22, 25, 34, 35, 34, 37, 34, 35, 34, 41, 44, 47, 42,
               53, 44, 53, 54, 53, 56, 53, 54, 61, 60, 67, 66, 65, 66, 67, 66, 73, 74, 73, 74),
           DIMS(2, 2, 3, 4));
    node_end(&t);
}

QN_TEST(kernels_ref_pool_max_ceil_mode_column_major) {
    node_test t = node_begin();
    const qn_tensor *y = run_ref(&t, "MaxPool {kernel_shape=[2,2], strides=[2,2], ceil_mode=1, storage_order=1}", 2,
                                 IN(pattern(&t, 1, DIMS(1, 1, 5, 5))));
    expect(&y[0], 0, F32(1.5f, 1.6875f, 0.3125f, 1.8125f, 0.8125f, 1.5f, 0.6875f, -0.125f, 1.8125f), DIMS(1, 1, 3, 3));
    expect(&y[1], 0, I64(6, 10, 21, 3, 17, 23, 9, 19, 24), DIMS(1, 1, 3, 3));
    node_end(&t);
}

QN_TEST(kernels_ref_pool_max_1d) {
    node_test t = node_begin();
    const qn_tensor *y =
        run_ref(&t, "MaxPool {kernel_shape=[3], strides=[2], pads=[1,1]}", 1, IN(pattern(&t, 1, DIMS(1, 2, 6))));
    expect(&y[0], 0, F32(0.625f, 1.6875f, 0.5f, 1.5f, 0.8125f, 0.3125f), DIMS(1, 2, 3));
    node_end(&t);
}

QN_TEST(kernels_ref_pool_max_of_bytes_and_of_nan) {
    node_test t = node_begin();
    const qn_tensor *y = run_ref(&t, "MaxPool {kernel_shape=[2]}", 1, IN(tensor(I8(-5, -7, -9), DIMS(1, 1, 3))));
    expect(&y[0], 0, I8(-5, -7), DIMS(1, 1, 2));
    y = run_ref(&t, "MaxPool {kernel_shape=[2]}", 1, IN(tensor(F32(1, NAN, 3, 2), DIMS(1, 1, 4))));
    expect(&y[0], 0, F32(NAN, NAN, 3), DIMS(1, 1, 3));
    node_end(&t);
}
