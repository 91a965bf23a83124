/* Expected numbers: PyTorch 1.13 or NumPy, in float64, on the same patterns. */
#include "tests/kernels/run_node.h"

QN_TEST(kernels_ref_conv_transpose_1d) {
    node_test t = node_begin();
    qn_tensor x = pattern(&t, 1, DIMS(2, 2, 4)), w = pattern(&t, 2, DIMS(2, 3, 3)), b = pattern(&t, 3, DIMS(3));
    const qn_tensor *y = run_ref(&t, "ConvTranspose {strides=[2], pads=[1,1], output_padding=[1]}", 1, IN(x, w, b));
    expect(&y[0], REF_TOL,
           F32(3.60546875f, 4.66796875f, 2.41015625f, 0.34765625f, 2.69140625f, -0.2109375f, 1.58984375f, 1.1875f,
               -0.515625f, 3.4296875f, 2.6484375f, -2.93359375f, -3.5390625f, 0.32421875f, -0.96875f, 0.62109375f,
               -1.77734375f, -1.171875f, -1.9375f, 3.3046875f, -0.375f, -4.10546875f, -0.42578125f, -2.69140625f, 2.75f,
               0.81640625f, 1.2734375f, 0.1171875f, 0.5f, -1.21484375f, -0.0390625f, 0.1171875f, -1.15625f, -0.0703125f,
               -0.6171875f, -0.62890625f, -0.125f, -2.1171875f, -1.1171875f, 0.12109375f, -1.078125f, -1.34765625f,
               -0.33203125f, -2.0859375f, 0.0f, -1.78515625f, 0.60546875f, -4.3984375f),
           DIMS(2, 3, 8));
    node_end(&t);
}

QN_TEST(kernels_ref_conv_transpose_groups_and_dilation) {
    node_test t = node_begin();
    qn_tensor x = pattern(&t, 1, DIMS(1, 4, 3, 2)), w = pattern(&t, 2, DIMS(4, 2, 3, 2));
    const qn_tensor *y =
        run_ref(&t, "ConvTranspose {group=2, strides=[3,2], pads=[1,0,1,0], dilations=[2,1], output_padding=[1,0]}", 1,
                IN(x, w));
    expect(&y[0], REF_TOL,
           F32(0.0f, 0.0f, 0.0f, 0.0f, -0.234375f, 0.2421875f, -0.55859375f, 1.06640625f, -1.95703125f, 2.47265625f,
               -0.67578125f, 0.6875f, 0.234375f, -2.09375f, 2.28515625f, -2.28515625f, 0.3984375f, -0.99609375f,
               0.08984375f, -0.25f, 0.38671875f, -0.94921875f, 0.69921875f, -2.6875f, -2.4609375f, 0.328125f,
               -0.64453125f, -0.06640625f, -0.2109375f, 0.45703125f, -0.66015625f, 1.375f, 0.0f, 0.0f, 0.0f, 0.0f,
               1.0546875f, -0.5625f, 3.10546875f, -2.06640625f, 0.0f, 0.0f, 0.0f, 0.0f, 2.0859375f, -1.5625f,
               1.77734375f, 0.3046875f, -0.15234375f, -0.703125f, -0.1015625f, -0.19140625f, 0.7734375f, -2.78125f,
               1.9296875f, -0.35546875f, 0.26953125f, -2.15625f, 0.2265625f, -0.6953125f, -0.10546875f, 0.28125f,
               -0.4765625f, 0.80859375f, -1.41796875f, -2.765625f, -0.32421875f, -0.94921875f, 0.31640625f, 0.5625f,
               1.3515625f, 1.3046875f, 0.0f, 0.0f, 0.0f, 0.0f, 0.73828125f, 0.5625f, 2.30078125f, 1.05078125f, 0.0f,
               0.0f, 0.0f, 0.0f, 0.44921875f, 0.07421875f, 1.23046875f, 0.01171875f, 0.3359375f, -1.1953125f,
               1.03515625f, -2.30859375f, 1.11328125f, 0.97265625f, 2.9296875f, 2.2890625f, 0.6640625f, -0.8359375f,
               1.9140625f, -0.8046875f, -1.05078125f, 2.04296875f, -0.2734375f, 0.6328125f, 1.0546875f, -0.4140625f,
               4.04296875f, 1.94921875f, -1.9140625f, 0.4296875f, -0.5078125f, 0.2421875f, 0.0f, 0.0f, 0.0f, 0.0f,
               -4.27734375f, -2.68359375f, -1.0546875f, -0.4609375f, 0.0f, 0.0f, 0.0f, 0.0f, -0.5546875f, 1.0703125f,
               -1.7109375f, 2.65234375f, 1.03125f, 0.09375f, -2.109375f, -2.671875f, -1.10546875f, -0.07421875f,
               -2.26171875f, -0.01171875f, -1.765625f, 0.203125f, -3.484375f, 2.92578125f, 3.296875f, 3.359375f,
               0.46875f, 0.65625f, 2.1484375f, 0.8359375f, -0.2265625f, 0.8046875f, 3.109375f, -3.47265625f, 0.953125f,
               -0.734375f, 0.0f, 0.0f, 0.0f, 0.0f, 1.7265625f, -0.4296875f, -0.0546875f, -0.2421875f),
           DIMS(1, 4, 10, 4));
    node_end(&t);
}

QN_TEST(kernels_ref_conv_transpose_stride_and_dilation_with_common_divisor) {
    node_test t = node_begin();
    const qn_tensor *y = run_ref(&t, "ConvTranspose {strides=[2,4], pads=[1,3,1,3], dilations=[4,6]}", 1,
                                 IN(pattern(&t, 1, DIMS(1, 1, 3, 3)), pattern(&t, 2, DIMS(1, 1, 3, 2))));
    expect(&y[0], REF_TOL,
           F32(0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.38671875f, 0.0f, 0.84375f, 0.0f, 1.03125f,
               0.0f, -0.94921875f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, -0.86328125f, 0.0f,
               2.0234375f, 0.0f, 0.1171875f, 0.0f, 2.03125f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f,
               0.0f, -0.2109375f, 0.0f, -0.40625f, 0.0f, -0.5625f, 0.0f, 0.45703125f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f,
               0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 1.828125f, 0.0f, -0.59375f, 0.0f, -2.8828125f, 0.0f, -1.47265625f,
               0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 1.0546875f, 0.0f, 0.5f, 0.0f, 2.8125f,
               0.0f, -0.5625f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f),
           DIMS(1, 1, 11, 9));
    node_end(&t);
}

QN_TEST(kernels_ref_conv_transpose_3d) {
    node_test t = node_begin();
    qn_tensor x = pattern(&t, 1, DIMS(1, 1, 2, 2, 2)), w = pattern(&t, 2, DIMS(1, 1, 2, 2, 2)),
              b = pattern(&t, 3, DIMS(1));
    const qn_tensor *y = run_ref(&t, "ConvTranspose {strides=[1,2,1]}", 1, IN(x, w, b));
    expect(&y[0], REF_TOL,
           F32(1.3828125f, 3.42578125f, 0.44140625f, 2.046875f, 1.0f, 2.47265625f, 0.65234375f, 4.31640625f, 2.65625f,
               2.4453125f, 0.62890625f, 1.40625f, 1.02734375f, 4.04296875f, -1.53125f, 1.71875f, 1.2421875f, 3.4375f,
               -2.3828125f, 4.53515625f, 3.68359375f, 2.69140625f, 0.1484375f, 0.90234375f, 2.8671875f, 4.0625f,
               0.3125f, 1.70703125f, 1.8125f, 2.5625f, -1.0f, 1.7890625f, 2.625f, 2.09375f, 1.21484375f, 1.40625f),
           DIMS(1, 1, 3, 4, 3));
    node_end(&t);
}

/* Windows 1 1 1 at 0, 2 over an output of 5: 1 1 3 2 2; the pads cut it. */
QN_TEST(kernels_ref_conv_transpose_pads_from_shape) {
    node_test t = node_begin();
    qn_tensor x = tensor(F32(1, 2), DIMS(1, 1, 2)), w = tensor(F32(1, 1, 1), DIMS(1, 1, 3));
    const qn_tensor *y = run_ref(&t, "ConvTranspose {strides=[2]}", 1, IN(x, w));
    expect(&y[0], 0, F32(1, 1, 3, 2, 2), DIMS(1, 1, 5));
    y = run_ref(&t, "ConvTranspose {strides=[2], auto_pad=\"SAME_UPPER\"}", 1, IN(x, w));
    expect(&y[0], 0, F32(1, 1, 3, 2), DIMS(1, 1, 4));
    y = run_ref(&t, "ConvTranspose {strides=[2], auto_pad=\"SAME_LOWER\"}", 1, IN(x, w));
    expect(&y[0], 0, F32(1, 3, 2, 2), DIMS(1, 1, 4));
    y = run_ref(&t, "ConvTranspose {strides=[2], output_shape=[4]}", 1, IN(x, w));
    expect(&y[0], 0, F32(1, 3, 2, 2), DIMS(1, 1, 4));
    y = run_ref(&t, "ConvTranspose {strides=[2], output_shape=[7]}", 1, IN(x, w)); /* nothing reaches the end */
    expect(&y[0], 0, F32(1, 1, 3, 2, 2, 0, 0), DIMS(1, 1, 7));
    node_end(&t);
}
