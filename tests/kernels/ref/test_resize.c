/* Expected numbers: PyTorch 1.13 or NumPy, in float64, on the same patterns. */
#include "tests/kernels/run_node.h"

static const char g_half[] = "Resize {mode=\"linear\"}";

static qn_tensor sizes(node_test *t, int64_t n, const int64_t *v) {
    qn_tensor s = {.dtype = QN_I64, .rank = 1, .dims = {n}, .n_bytes = (size_t)n * 8};
    s.data = qn_arena_alloc(t->arena, s.n_bytes);
    assert_non_null(s.data);
    memcpy(s.data, v, s.n_bytes);
    return s;
}

/* x to the sizes (all axes) by the node. */
static const qn_tensor *to_sizes(node_test *t, const char *node, qn_tensor x, int32_t n, const int64_t *v) {
    return run_ref(t, node, 1, IN(x, ABSENT, ABSENT, sizes(t, n, v)));
}

QN_TEST(kernels_ref_resize_linear) {
    node_test t = node_begin();
    qn_tensor x = pattern(&t, 1, DIMS(1, 2, 4, 5));
    expect(to_sizes(&t, g_half, x, DIMS(1, 2, 6, 3)), REF_TOL,
           F32(0.145833333f, 1.6875f, -0.208333333f, -0.177083333f, 1.25f, 0.125f, -0.399305556f, 0.71875f,
               0.538194444f, 0.00347222222f, 0.34375f, 0.857638889f, 0.395833333f, -0.125f, 1.08333333f, 0.6875f, -0.5f,
               1.22916667f, -0.354166667f, -1.4375f, 1.16666667f, -0.416666667f, -0.34375f, -0.145833333f,
               -0.291666667f, 0.53125f, -1.07986111f, 0.458333333f, -0.34375f, 0.434027778f, 1.19791667f, 0.34375f,
               1.21875f, 1.75f, 1.25f, 1.625f),
           DIMS(1, 2, 6, 3));
    expect(
        to_sizes(&t, "Resize {mode=\"linear\", coordinate_transformation_mode=\"align_corners\"}", x, DIMS(1, 2, 3, 7)),
        REF_TOL,
        F32(0.625f, -0.333333333f, 0.0208333333f, 1.6875f, 0.895833333f, 0.145833333f, -0.5625f, -0.75f, 0.354166667f,
            0.78125f, 0.53125f, 0.697916667f, 0.739583333f, 0.65625f, 1.8125f, -0.4375f, -1.20833333f, -0.5f,
            0.291666667f, 0.958333333f, 1.5f, -0.875f, 0.166666667f, -0.0208333333f, -1.4375f, -0.5625f, 0.520833333f,
            1.8125f, 0.4375f, -0.270833333f, -0.385416667f, 0.09375f, -0.614583333f, -0.645833333f, 0.0f, 1.875f,
            1.625f, 1.41666667f, 1.25f, 1.5f, 1.625f, 1.625f),
        DIMS(1, 2, 3, 7));
    expect(to_sizes(&t, g_half, pattern(&t, 1, DIMS(1, 1, 2, 3, 2)), DIMS(1, 1, 3, 2, 4)), REF_TOL,
           F32(0.890625f, 0.546875f, -0.140625f, -0.484375f, 0.0f, -0.25f, -0.75f, -1.0f, 1.1015625f, 0.8515625f,
               0.3515625f, 0.1015625f, 0.09375f, -0.015625f, -0.234375f, -0.34375f, 1.3125f, 1.15625f, 0.84375f,
               0.6875f, 0.1875f, 0.21875f, 0.28125f, 0.3125f),
           DIMS(1, 1, 3, 2, 4));
    node_end(&t);
}

QN_TEST(kernels_ref_resize_cubic) {
    node_test t = node_begin();
    qn_tensor x = pattern(&t, 1, DIMS(1, 1, 4, 5));
    expect(to_sizes(&t, "Resize {mode=\"cubic\", coordinate_transformation_mode=\"pytorch_half_pixel\"}", x,
                    DIMS(1, 1, 6, 7)),
           REF_TOL,
           F32(0.952939621f, -0.539454137f, -0.423684504f, 1.76345486f, 1.06090878f, -0.125427701f, -0.726362569f,
               -0.659455858f, -0.067653289f, 0.821585163f, 1.30273438f, 0.924978362f, 0.207925246f, -0.253103362f,
               -1.74180219f, 0.37055575f, 1.65692118f, 0.668836806f, 0.746943879f, 0.667012961f, 0.454481917f,
               -0.49572742f, 0.258016438f, 0.705906426f, 0.380642361f, 0.683840711f, 0.887537877f, 0.877401283f,
               1.18724376f, -0.0463226585f, -0.824728385f, -0.177734375f, 0.472889714f, 1.08835755f, 1.35842406f,
               2.26070264f, -0.295732355f, -1.87744188f, -0.565104167f, 0.304988662f, 1.17086396f, 1.61163119f),
           DIMS(1, 1, 6, 7));
    expect(
        to_sizes(&t, "Resize {mode=\"cubic\", coordinate_transformation_mode=\"align_corners\"}", x, DIMS(1, 1, 3, 4)),
        REF_TOL,
        F32(0.625f, -0.119212963f, 1.13078704f, -0.5625f, -1.11914062f, 1.30566406f, 0.69354022f, 0.69140625f, 1.8125f,
            -1.66898148f, 0.282407407f, 1.5f),
        DIMS(1, 1, 3, 4));
    node_end(&t);
}

/* At the input's edges PyTorch leaves the filter's outside out, as exclude_outside does. */
QN_TEST(kernels_ref_resize_antialias) {
    node_test t = node_begin();
    expect(to_sizes(&t, "Resize {mode=\"linear\", antialias=1, exclude_outside=1}", pattern(&t, 1, DIMS(1, 1, 4, 5)),
                    DIMS(1, 1, 2, 3)),
           REF_TOL, F32(-0.068877551f, 0.83531746f, 0.299744898f, 0.183673469f, 0.100198413f, 0.959183673f),
           DIMS(1, 1, 2, 3));
    node_end(&t);
}

/* ONNX Runtime, and PyTorch 1.13 in its linear modes, copy where output and input sizes agree; the operator page
 * resamples by the scale. Numbers from the operator page's formulas in NumPy. */
QN_TEST(kernels_ref_resize_same_size_another_scale) {
    node_test t = node_begin();
    qn_tensor scales = tensor(F32(1, 1, 1.2f, 1.1f), DIMS(4));
    const qn_tensor *y = run_ref(&t, g_half, 1, IN(pattern(&t, 1, DIMS(1, 1, 4, 5)), ABSENT, scales));
    expect(&y[0], REF_TOL,
           F32(0.625f, -0.61647723f, 1.11931806f, 0.877840991f, -0.127840815f, -0.968749894f, 0.664062359f, 1.00639205f,
               0.796875029f, 0.336647749f, -0.625000124f, 0.611979192f, 0.557765226f, 0.6903409f, 0.743371183f,
               0.755208123f, -0.301846396f, -0.154829449f, 0.498579526f, 1.02509463f),
           DIMS(1, 1, 4, 5));
    node_end(&t);
}

QN_TEST(kernels_ref_resize_nearest_pytorch) {
    node_test t = node_begin();
    expect(to_sizes(&t, "Resize {coordinate_transformation_mode=\"asymmetric\", nearest_mode=\"floor\"}",
                    pattern(&t, 1, DIMS(1, 1, 4, 5)), DIMS(1, 1, 7, 3)),
           0,
           F32(0.625f, -0.8125f, 0.5f, 0.625f, -0.8125f, 0.5f, -1.5f, 1.5f, 0.75f, -1.5f, 1.5f, 0.75f, 0.0f, 0.3125f,
               0.8125f, 0.0f, 0.3125f, 0.8125f, 1.8125f, -1.5625f, 0.6875f),
           DIMS(1, 1, 7, 3));
    node_end(&t);
}

/* Coordinates of 2 samples at 3 for asymmetric by 2 (out 4): 0, 0.5, 1, 1.5. */
QN_TEST(kernels_ref_resize_nearest_modes) {
    static const struct {
        const char *mode;
        uint8_t want[4];
    } rows[] = {
        {"round_prefer_floor", {10, 10, 20, 20}},
        {"round_prefer_ceil", {10, 20, 20, 30}},
        {"floor", {10, 10, 20, 20}},
        {"ceil", {10, 20, 20, 30}},
    };
    node_test t = node_begin();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *node = i == 0   ? "Resize {coordinate_transformation_mode=\"asymmetric\"}"
                           : i == 1 ? "Resize {coordinate_transformation_mode=\"asymmetric\", "
                                      "nearest_mode=\"round_prefer_ceil\"}"
                           : i == 2 ? "Resize {coordinate_transformation_mode=\"asymmetric\", nearest_mode=\"floor\"}"
                                    : "Resize {coordinate_transformation_mode=\"asymmetric\", nearest_mode=\"ceil\"}";
        const qn_tensor *y = run_ref(&t, node, 1, IN(tensor(U8(10, 20, 30), DIMS(3)), ABSENT, tensor(F32(2), DIMS(1))));
        expect_dims(&y[0], DIMS(6));
        for (int64_t k = 0; k < 4; k++)
            if ((uint8_t)element(&y[0], k) != rows[i].want[k])
                fail_msg("%s: element %lld is %g, wanted %d", rows[i].mode, (long long)k, element(&y[0], k),
                         rows[i].want[k]);
    }
    node_end(&t);
}

/* 3 samples to 4 by the float32 nearest to 4/3: the last coordinate is 3 / 1.3333334 = 2.25, and the one of 4
       / 1.3333334
 * must be taken for 3. */
QN_TEST(kernels_ref_resize_scale_of_24_bits) {
    node_test t = node_begin();
    qn_tensor x = tensor(I32(0, 1, 2, 3, 4, 5), DIMS(6));
    const qn_tensor *y = run_ref(&t,
                                 "Resize {coordinate_transformation_mode=\"asymmetric\", "
                                 "nearest_mode=\"floor\"}",
                                 1, IN(x, ABSENT, tensor(F32(1.3333334f), DIMS(1))));
    expect(&y[0], 0, I32(0, 0, 1, 2, 3, 3, 4, 5), DIMS(8));
    node_end(&t);
}

QN_TEST(kernels_ref_resize_axes_and_policies) {
    node_test t = node_begin();
    qn_tensor x = tensor(F32(1, 2, 3, 4, 5, 6, 7, 8), DIMS(1, 1, 2, 4));
    /* axes in the order of sizes: width 8, height 2: not_larger takes 1, not_smaller takes 2 */
    const qn_tensor *y = run_ref(&t, "Resize {axes=[3,2], keep_aspect_ratio_policy=\"not_larger\"}", 1,
                                 IN(x, ABSENT, ABSENT, sizes(&t, 2, (int64_t[]){8, 2})));
    expect(&y[0], 0, F32(1, 2, 3, 4, 5, 6, 7, 8), DIMS(1, 1, 2, 4));
    y = run_ref(&t, "Resize {axes=[-1,-2], keep_aspect_ratio_policy=\"not_smaller\"}", 1,
                IN(x, ABSENT, ABSENT, sizes(&t, 2, (int64_t[]){8, 2})));
    expect(&y[0], 0,
           F32(1, 1, 2, 2, 3, 3, 4, 4, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 5, 5, 6, 6, 7, 7, 8, 8),
           DIMS(1, 1, 4, 8));
    node_end(&t);
}

/* A crop from 0.5 to 1.5 of 3 samples at 0, 1, 2: coordinates 1, 2, 3; the last one is outside. */
QN_TEST(kernels_ref_resize_crop) {
    node_test t = node_begin();
    qn_tensor x = tensor(F32(10, 20, 40), DIMS(3)), roi = tensor(F32(0.5, 1.5), DIMS(2));
    const qn_tensor *y = run_ref(
        &t, "Resize {mode=\"linear\", coordinate_transformation_mode=\"tf_crop_and_resize\", extrapolation_value=-7.0}",
        1, IN(x, roi, ABSENT, sizes(&t, 1, (int64_t[]){3})));
    expect(&y[0], REF_TOL, F32(20, 40, -7), DIMS(3));
    y = run_ref(&t, "Resize {coordinate_transformation_mode=\"tf_crop_and_resize\", extrapolation_value=-7.0}", 1,
                IN(x, roi, ABSENT, sizes(&t, 1, (int64_t[]){5})));
    expect(&y[0], 0, F32(20, 20, 40, -7, -7), DIMS(5));
    y = run_ref(&t, "Resize {mode=\"linear\", coordinate_transformation_mode=\"tf_crop_and_resize\"}", 1,
                IN(x, roi, ABSENT, sizes(&t, 1, (int64_t[]){1}))); /* the middle of the crop */
    expect(&y[0], REF_TOL, F32(40), DIMS(1));
    node_end(&t);
}

/* 4 samples by 0.6: 2 of a length of 2.4; the output's middle stands over the input's, so coordinates are
 * 2 (1 - 2/2.4) + (o + 0.5) / 0.6 - 0.5. */
QN_TEST(kernels_ref_resize_half_pixel_symmetric) {
    node_test t = node_begin();
    const qn_tensor *y =
        run_ref(&t, "Resize {mode=\"linear\", coordinate_transformation_mode=\"half_pixel_symmetric\"}", 1,
                IN(tensor(F32(0, 1, 2, 3), DIMS(4)), ABSENT, tensor(F32(0.6f), DIMS(1))));
    expect(&y[0], REF_TOL, F32(0.6666667f, 2.3333333f), DIMS(2));
    node_end(&t);
}

QN_TEST(kernels_ref_resize_integers_and_empty) {
    node_test t = node_begin();
    const qn_tensor *y =
        run_ref(&t, g_half, 1, IN(tensor(U8(0, 255), DIMS(2)), empty(QN_F32, DIMS(0)), tensor(F32(2), DIMS(1))));
    expect(&y[0], 0, U8(0, 63, 191, 255), DIMS(4));
    y = run_ref(&t, g_half, 1, IN(empty(QN_F32, DIMS(0, 2)), ABSENT, tensor(F32(1, 2), DIMS(2))));
    expect_dims(&y[0], DIMS(0, 4));
    node_end(&t);
}
