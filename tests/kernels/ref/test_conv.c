/* Expected numbers: PyTorch 1.13 or NumPy, in float64, on the same patterns. */
#include "tests/kernels/run_node.h"

QN_TEST(kernels_ref_conv_1d) {
    node_test t = node_begin();
    qn_tensor x = pattern(&t, 1, DIMS(2, 3, 7)), w = pattern(&t, 2, DIMS(4, 3, 3)), b = pattern(&t, 3, DIMS(4));
    const qn_tensor *y = run_ref(&t, "Conv {strides=[2], pads=[1,1]}", 1, IN(x, w, b));
    expect(&y[0], REF_TOL,
           F32(0.26953125f, 5.61328125f, -1.66015625f, 4.3671875f, -2.62109375f, -2.1328125f, -0.4453125f, -0.8359375f,
               -1.90625f, 2.953125f, -3.5234375f, 2.83203125f, 1.71484375f, 5.92578125f, -0.73046875f, 5.6953125f,
               -0.05078125f, 2.32421875f, -0.0546875f, 2.06640625f, 0.84765625f, 0.62890625f, 5.5703125f, -0.6015625f,
               -2.05078125f, 5.1796875f, -6.1875f, 3.8515625f, 8.1171875f, 6.33203125f, 4.640625f, 0.16015625f),
           DIMS(2, 4, 4));
    node_end(&t);
}

QN_TEST(kernels_ref_conv_groups_dilation_uneven_pads) {
    node_test t = node_begin();
    qn_tensor x = pattern(&t, 1, DIMS(1, 4, 5, 6)), w = pattern(&t, 2, DIMS(4, 2, 3, 2)), b = pattern(&t, 3, DIMS(4));
    const qn_tensor *y = run_ref(
        &t, "Conv {group=2, dilations=[1,2], strides=[2,1], pads=[1,0,0,2], kernel_shape=[3,2]}", 1, IN(x, w, b));
    expect(&y[0], REF_TOL,
           F32(-4.875f, -2.23828125f, -0.6328125f, 0.98828125f, 2.59765625f, 1.33203125f, 0.625f, -2.11328125f,
               6.9296875f, 0.5234375f, 5.3046875f, -0.72265625f, 2.0f, 1.39453125f, 2.15625f, -0.49609375f, 1.9375f,
               2.7890625f, -0.3125f, 0.3515625f, 1.26953125f, -5.22265625f, -1.44921875f, 3.7890625f, -3.89453125f,
               5.16015625f, -0.6875f, -0.25390625f, 2.28515625f, 1.58203125f, 0.75f, 0.07421875f, -0.82421875f,
               -1.6328125f, -7.6875f, -0.41015625f, -0.9609375f, -1.5625f, 1.3046875f, 3.01171875f, -0.71875f,
               4.23046875f, 6.77734375f, -5.76953125f, 2.25390625f, 4.625f, -0.1953125f, 7.21484375f),
           DIMS(1, 4, 2, 6));
    node_end(&t);
}

QN_TEST(kernels_ref_conv_depthwise) {
    node_test t = node_begin();
    const qn_tensor *y = run_ref(&t, "Conv {group=3, strides=[2,2], pads=[1,1,1,1]}", 1,
                                 IN(pattern(&t, 1, DIMS(1, 3, 4, 4)), pattern(&t, 2, DIMS(6, 1, 3, 3))));
    expect(&y[0], REF_TOL,
           F32(-0.859375f, -3.4921875f, -3.1875f, 2.55859375f, 2.1328125f, -0.953125f, 0.52734375f, -3.65234375f,
               0.796875f, 0.91015625f, 1.8125f, -5.33984375f, 2.39453125f, -3.3125f, -4.546875f, -4.62890625f,
               -4.1171875f, -0.84765625f, -4.0390625f, 2.80078125f, 0.9453125f, 0.25390625f, -1.53515625f,
               -3.26953125f),
           DIMS(1, 6, 2, 2));
    node_end(&t);
}

QN_TEST(kernels_ref_conv_3d) {
    node_test t = node_begin();
    qn_tensor x = pattern(&t, 1, DIMS(1, 2, 3, 3, 4)), w = pattern(&t, 2, DIMS(2, 2, 2, 2, 3)),
              b = pattern(&t, 3, DIMS(2));
    const qn_tensor *y = run_ref(&t, "Conv {strides=[2,1,1], pads=[1,0,1,1,0,1]}", 1, IN(x, w, b));
    expect(&y[0], REF_TOL,
           F32(6.734375f, 4.56640625f, 1.68359375f, -1.05859375f, 2.453125f, -1.01171875f, -0.5703125f, 2.9375f,
               6.14453125f, 11.3359375f, 7.15625f, -1.16015625f, 7.28515625f, 5.48828125f, 4.76171875f, 0.59375f,
               1.32421875f, -6.58984375f, -7.44921875f, -4.2109375f, 4.7421875f, 8.82421875f, 0.53125f, -2.69921875f,
               -8.8125f, -3.86328125f, -4.58984375f, -3.15234375f, 6.890625f, -1.6171875f, -10.5703125f, -6.45703125f),
           DIMS(1, 2, 2, 2, 4));
    node_end(&t);
}

QN_TEST(kernels_ref_conv_auto_pad) {
    node_test t = node_begin();
    qn_tensor x = pattern(&t, 1, DIMS(1, 1, 4, 5)), w = pattern(&t, 2, DIMS(1, 1, 2, 3));
    const qn_tensor *y = run_ref(&t, "Conv {auto_pad=\"SAME_UPPER\", strides=[1,2]}", 1, IN(x, w));
    expect(&y[0], REF_TOL,
           F32(5.0625f, 1.6015625f, -2.48828125f, -1.65625f, 0.7109375f, -2.5234375f, -4.84375f, 3.40625f, -2.2421875f,
               2.47265625f, 0.48828125f, 2.05859375f),
           DIMS(1, 1, 4, 3));
    y = run_ref(&t, "Conv {auto_pad=\"SAME_LOWER\", strides=[1,2]}", 1, IN(x, w));
    expect(&y[0], REF_TOL,
           F32(-1.984375f, -2.00390625f, 0.6484375f, 5.0625f, 1.6015625f, -2.48828125f, -1.65625f, 0.7109375f,
               -2.5234375f, -4.84375f, 3.40625f, -2.2421875f),
           DIMS(1, 1, 4, 3));
    y = run_ref(&t, "Conv {auto_pad=\"VALID\", strides=[1,2]}", 1, IN(x, w));
    expect_dims(&y[0], DIMS(1, 1, 3, 2));
    node_end(&t);
}

QN_TEST(kernels_ref_conv_activation_and_residual) {
    node_test t = node_begin();
    qn_tensor x = pattern(&t, 1, DIMS(1, 2, 3, 3)), w = pattern(&t, 2, DIMS(2, 2, 2, 2)), b = pattern(&t, 3, DIMS(2));
    const qn_tensor *y = run_ref(&t, "Conv {activation=\"RELU\"}", 1, IN(x, w, b, pattern(&t, 4, DIMS(1, 2, 2, 2))));
    expect(&y[0], REF_TOL, F32(0.5f, 5.25390625f, 3.44921875f, 0.375f, 0.05078125f, -0.15234375f, 1.375f, 0.6875f),
           DIMS(1, 2, 2, 2));
    node_end(&t);
}

QN_TEST(kernels_ref_conv_without_channels) {
    node_test t = node_begin();
    const qn_tensor *y = run_ref(
        &t, "Conv", 1, IN(empty(QN_F32, DIMS(1, 0, 2)), empty(QN_F32, DIMS(2, 0, 1)), tensor(F32(3, 4), DIMS(2))));
    expect(&y[0], 0, F32(3, 3, 4, 4), DIMS(1, 2, 2));
    node_end(&t);
}

QN_TEST(kernels_ref_conv_refuses) {
    node_test t = node_begin();
    qn_tensor x = pattern(&t, 1, DIMS(1, 4, 5)), y;
    assert_int_not_equal(try_node(&t, true, "Conv {group=3}", &y, 1, IN(x, pattern(&t, 2, DIMS(3, 2, 3)))), QN_OK);
    assert_int_not_equal(try_node(&t, true, "Conv {strides=[0]}", &y, 1, IN(x, pattern(&t, 2, DIMS(3, 4, 3)))), QN_OK);
    assert_int_not_equal(try_node(&t, true, "Conv {pads=[1]}", &y, 1, IN(x, pattern(&t, 2, DIMS(3, 4, 3)))), QN_OK);
    assert_int_not_equal(try_node(&t, true, "Conv {activation=\"SWIRL\"}", &y, 1, IN(x, pattern(&t, 2, DIMS(3, 4, 3)))),
                         QN_OK);
    node_end(&t);
}
