/* Expected numbers: PyTorch 1.13 or NumPy, in float64, on the same patterns. */
#include "tests/kernels/run_node.h"

static qn_tensor quarter(node_test *t, int64_t seed, int32_t rank, const int64_t *dims) {
    return scaled(pattern(t, seed, rank, dims), 0.25);
}

QN_TEST(kernels_ref_gru_both_directions) {
    node_test t = node_begin();
    qn_tensor x = pattern(&t, 1, DIMS(3, 2, 2)), w = quarter(&t, 2, DIMS(2, 6, 2)), r = quarter(&t, 3, DIMS(2, 6, 2));
    qn_tensor b = quarter(&t, 4, DIMS(2, 12)), h0 = pattern(&t, 5, DIMS(2, 2, 2));
    const qn_tensor *y = run_ref(&t, "GRU {hidden_size=2, direction=\"bidirectional\", linear_before_reset=1}", 2,
                                 IN(x, w, r, b, ABSENT, h0));
    expect(&y[0], REF_TOL,
           F32(-0.172673078f, 1.08457717f, -0.109767892f, -0.879144489f, 0.175695923f, 0.272567293f, -0.174943196f,
               -0.268369558f, 0.170191048f, 0.831349746f, -0.317488835f, -0.868694415f, 0.479395616f, 0.265876189f,
               -0.231375625f, -0.422051653f, 0.0278054679f, 0.248245932f, -0.338185928f, -0.718342426f, 0.952484529f,
               0.330960861f, -0.213799083f, -0.549399712f),
           DIMS(3, 2, 2, 2));
    expect(&y[1], REF_TOL,
           F32(0.0278054679f, 0.248245932f, -0.338185928f, -0.718342426f, 0.175695923f, 0.272567293f, -0.174943196f,
               -0.268369558f),
           DIMS(2, 2, 2));
    node_end(&t);
}

QN_TEST(kernels_ref_gru_batch_first) {
    node_test t = node_begin();
    qn_tensor x = pattern(&t, 1, DIMS(3, 2, 2)), h0 = pattern(&t, 5, DIMS(2, 2, 2)); /* [T, B, I], [dirs, B, H] */
    qn_tensor xb = pattern(&t, 1, DIMS(2, 3, 2)), hb = pattern(&t, 5, DIMS(2, 2, 2));
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 2; b++)
            for (int i = 0; i < 2; i++) {
                ((float *)xb.data)[(b * 3 + a) * 2 + i] = ((float *)x.data)[(a * 2 + b) * 2 + i];
                if (a < 2)
                    ((float *)hb.data)[(b * 2 + a) * 2 + i] = ((float *)h0.data)[(a * 2 + b) * 2 + i];
            }
    const qn_tensor *y = run_ref(
        &t,
        "GRU {hidden_size=2, direction=\"bidirectional\", linear_before_reset=1, "
        "layout=1}",
        2,
        IN(xb, quarter(&t, 2, DIMS(2, 6, 2)), quarter(&t, 3, DIMS(2, 6, 2)), quarter(&t, 4, DIMS(2, 12)), ABSENT, hb));
    expect(&y[0], REF_TOL,
           F32(-0.172673078f, 1.08457717f, 0.175695923f, 0.272567293f, 0.170191048f, 0.831349746f, 0.479395616f,
               0.265876189f, 0.0278054679f, 0.248245932f, 0.952484529f, 0.330960861f, -0.109767892f, -0.879144489f,
               -0.174943196f, -0.268369558f, -0.317488835f, -0.868694415f, -0.231375625f, -0.422051653f, -0.338185928f,
               -0.718342426f, -0.213799083f, -0.549399712f),
           DIMS(2, 3, 2, 2));
    expect(&y[1], REF_TOL,
           F32(0.0278054679f, 0.248245932f, 0.175695923f, 0.272567293f, -0.338185928f, -0.718342426f, -0.174943196f,
               -0.268369558f),
           DIMS(2, 2, 2));
    node_end(&t);
}

QN_TEST(kernels_ref_gru_reset_before_linear) {
    node_test t = node_begin();
    const qn_tensor *y =
        run_ref(&t, "GRU {hidden_size=2}", 2,
                IN(pattern(&t, 1, DIMS(3, 1, 2)), quarter(&t, 2, DIMS(1, 6, 2)), quarter(&t, 3, DIMS(1, 6, 2)),
                   quarter(&t, 4, DIMS(1, 12)), ABSENT, pattern(&t, 5, DIMS(1, 1, 2))));
    expect(&y[0], REF_TOL, F32(-0.181713349f, 1.09100697f, -0.244227428f, 0.409924544f, 0.0907541751f, 0.341243911f),
           DIMS(3, 1, 1, 2));
    expect(&y[1], REF_TOL, F32(0.0907541751f, 0.341243911f), DIMS(1, 1, 2));
    node_end(&t);
}

QN_TEST(kernels_ref_gru_refuses) {
    node_test t = node_begin();
    qn_tensor x = pattern(&t, 1, DIMS(3, 1, 2)), w = pattern(&t, 2, DIMS(1, 6, 2)), y;
    ASSERT_FAILS(t.ctx, QN_UNSUPPORTED, "Swirl",
                 try_node(&t, true, "GRU {hidden_size=2, activations=[\"Swirl\",\"Tanh\"]}", &y, 1, IN(x, w, w)));
    assert_int_not_equal(try_node(&t, true, "GRU {hidden_size=2}", &y, 1, IN(x, w, w, ABSENT, tensor(I32(4), DIMS(1)))),
                         QN_OK);
    node_end(&t);
}
