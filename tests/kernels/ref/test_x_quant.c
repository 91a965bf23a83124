/* Quantised inputs, against arithmetic by hand: x is chosen so that scale and codes are short. */
#include "kernels/ref/x_quant.h"
#include "tests/kernels/run_node.h"

#include <float.h>
#include <math.h>

/* lo -51, hi 204: scale 1, zero point 51; the second row has lo 0, hi 25.5: scale 0.1, zero point 0. */
QN_TEST(kernels_ref_x_quant_linear_by_row) {
    node_test t = node_begin();
    qn_tensor x = tensor(F32(-51, 204, 1.4f, -0.6f, 25.5f, 3, 0.24f, 0), DIMS(2, 4));
    qn_tensor w = tensor(F32(1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1), DIMS(4, 4));
    const qn_tensor *y = run_ref(&t, "Linear {x_quant=\"dynamic_uint8\"}", 1, IN(x, w));
    expect(&y[0], 1e-6, F32(-51, 204, 1, -1, 25.5f, 3, 0.2f, 0), DIMS(2, 4));
    y = run_ref(&t, "Linear {x_quant=\"NONE\"}", 1, IN(x, w));
    expect(&y[0], 0, F32(-51, 204, 1.4f, -0.6f, 25.5f, 3, 0.24f, 0), DIMS(2, 4));
    node_end(&t);
}

/* One scale for an image: 2 in the first, 1 in the second; padding adds nothing. */
QN_TEST(kernels_ref_x_quant_conv_by_image) {
    node_test t = node_begin();
    qn_tensor x = tensor(F32(0, 510, 3, -1, 0, 255, 3, 1.4f), DIMS(2, 2, 2)), w = tensor(F32(1, 1), DIMS(1, 2, 1));
    const qn_tensor *y = run_ref(&t, "Conv {x_quant=\"dynamic_uint8\", pads=[1,0]}", 1, IN(x, w));
    /* scale 511 / 255 of the first image, zero point rne(255 / 511) = 0: codes 0, 254.501 -> 255, 1.497 -> 1, -0.499 ->
     * 0 */
    expect(&y[0], 1e-5, F32(0, 511.0f / 255, 511, 0, 3, 256), DIMS(2, 1, 3));
    y = run_ref(&t, "ConvTranspose {x_quant=\"dynamic_uint8\"}", 1, IN(x, tensor(F32(1, 1), DIMS(2, 1, 1))));
    expect(&y[0], 1e-5, F32(511.0f / 255, 511, 3, 256), DIMS(2, 1, 2));
    node_end(&t);
}

QN_TEST(kernels_ref_x_quant_edges) {
    /* ties to even: 0.5, 1.5 and 2.5 steps */
    qn_x_quant q = qn_x_quant_make(0, 255, true);
    assert_true(qn_x_quant_value(&q, 0.5f) == 0 && qn_x_quant_value(&q, 1.5f) == 2 && qn_x_quant_value(&q, 2.5f) == 2);
    q = qn_x_quant_make(3, 255, true); /* 0 is always among the numbers */
    assert_true(q.scale == 1 && q.zero_point == 0);
    q = qn_x_quant_make(-255, -3, true);
    assert_true(q.scale == 1 && q.zero_point == 255 && qn_x_quant_value(&q, -255) == -255);
    q = qn_x_quant_make(0, 0, true);
    assert_true(q.scale == 0 && qn_x_quant_value(&q, 0) == 0);
    q = qn_x_quant_make(0, 0x1p-140f, true); /* 1 / scale would overflow */
    assert_true(q.finite && qn_x_quant_value(&q, 0x1p-140f) == 0);
    q = qn_x_quant_make(-FLT_MAX, FLT_MAX, true); /* hi - lo overflows */
    assert_true(isnan(qn_x_quant_value(&q, 1)));
    q = qn_x_quant_make(0, 1, false);
    assert_true(isnan(qn_x_quant_value(&q, 1)));
}

QN_TEST(kernels_ref_x_quant_not_finite) {
    node_test t = node_begin();
    qn_tensor x = tensor(F32(1, INFINITY, 1, 3, NAN, 0), DIMS(3, 2)), w = tensor(F32(1, 0), DIMS(2, 1));
    const qn_tensor *y = run_ref(&t, "Linear {x_quant=\"dynamic_uint8\"}", 1, IN(x, w));
    expect(&y[0], 1e-6, F32(NAN, 1, NAN), DIMS(3, 1));
    node_end(&t);
}

QN_TEST(kernels_ref_x_quant_refused) {
    node_test t = node_begin();
    qn_tensor y, x = tensor(F32(1, 2), DIMS(1, 2)), w = tensor(F32(1, 1), DIMS(2, 1));
    ASSERT_FAILS(t.ctx, QN_UNSUPPORTED, "x_quant 'static_int8'",
                 try_node(&t, false, "Linear {x_quant=\"static_int8\"}", &y, 1, IN(x, w)));
    node_end(&t);
}

QN_TEST(kernels_ref_x_quant_static_refused) {
    static const char *const rows[][2] = {
        {"Linear {x_quant=\"static_uint8\"}", "x_scale 0 and x_zero 0: a normal positive number and 0..255"},
        {"Linear {x_quant=\"static_uint8\", x_scale=1e-40}", "e-41 and x_zero 0"},
        {"Linear {x_quant=\"static_uint8\", x_scale=-1}", "x_scale -1 and x_zero 0"},
        {"Linear {x_quant=\"static_uint8\", x_scale=1, x_zero=256}", "x_scale 1 and x_zero 256"},
        {"Linear {x_quant=\"static_uint8\", x_scale=1, x_zero=-1}", "x_scale 1 and x_zero -1"},
    };
    for (int i = 0; i < 5; i++) {
        node_test t = node_begin();
        qn_tensor y, x = tensor(F32(1, 2), DIMS(1, 2)), w = tensor(F32(1, 1), DIMS(2, 1));
        ASSERT_FAILS(t.ctx, QN_UNSUPPORTED, rows[i][1], try_node(&t, false, rows[i][0], &y, 1, IN(x, w)));
        node_end(&t);
    }
}

/* Steps of 0.5 from -2 on: rounded half to even, clamped to -2 .. 125.5, NaN the least. */
QN_TEST(kernels_ref_x_quant_static) {
    node_test t = node_begin();
    qn_tensor x = tensor(F32(0.74f, 0.25f, 0.75f, -9, 125.6f, 1e30f, NAN, -INFINITY), DIMS(8, 1)), w = tensor(F32(1), DIMS(1, 1));
    const qn_tensor *y = run_ref(&t, "Linear {x_quant=\"static_uint8\", x_scale=0.5, x_zero=4}", 1, IN(x, w));
    expect(&y[0], 0, F32(0.5f, 0, 1, -2, 125.5f, 125.5f, -2, -2), DIMS(8, 1));
    x = tensor(F32(0.74f, 0.25f, 300, -9), DIMS(1, 1, 4));
    y = run_ref(&t, "Conv {x_quant=\"static_uint8\", x_scale=0.5, x_zero=4, pads=[1,1]}", 1, IN(x, tensor(F32(1), DIMS(1, 1, 1))));
    expect(&y[0], 0, F32(0, 0.5f, 0, 125.5f, -2, 0), DIMS(1, 1, 6));
    node_end(&t);
}

QN_TEST(kernels_ref_x_quant_ranges) {
    qn_x_quant q = qn_x_quant_make(-1.0f, 3.0f, true);
    assert_true(q.finite && q.scale == 4.0f / 255.0f && q.zero_point == 64);
    q = qn_x_quant_make(2.0f, 3.0f, true); /* 0 is always among the numbers */
    assert_true(q.scale == 3.0f / 255.0f && q.zero_point == 0);
    q = qn_x_quant_make(-3.0f, -2.0f, true);
    assert_true(q.zero_point == 255);
    q = qn_x_quant_make(0.0f, 0.0f, true);
    assert_true(q.finite && q.scale == 0.0f && q.inverse == 0.0f && q.zero_point == 0);
    assert_false(qn_x_quant_make(0.0f, INFINITY, true).finite);
    assert_false(qn_x_quant_make(-3e38f, 3e38f, true).finite); /* the width overflows */
    assert_false(qn_x_quant_make(0.0f, 1.0f, false).finite);
}
