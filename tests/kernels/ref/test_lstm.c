/* Expected numbers: PyTorch 1.13 or NumPy, in float64, on the same patterns. */
#include "tests/kernels/run_node.h"

static qn_tensor quarter(node_test *t, int64_t seed, int32_t rank, const int64_t *dims) {
    return scaled(pattern(t, seed, rank, dims), 0.25);
}

QN_TEST(kernels_ref_lstm_both_directions) {
    node_test t = node_begin();
    qn_tensor x = pattern(&t, 1, DIMS(3, 2, 2)), w = quarter(&t, 2, DIMS(2, 8, 2)), r = quarter(&t, 3, DIMS(2, 8, 2));
    qn_tensor b = quarter(&t, 4, DIMS(2, 16)), h0 = pattern(&t, 5, DIMS(2, 2, 2)), c0 = pattern(&t, 6, DIMS(2, 2, 2));
    const qn_tensor *y =
        run_ref(&t, "LSTM {hidden_size=2, direction=\"bidirectional\"}", 3, IN(x, w, r, b, ABSENT, h0, c0));
    expect(&y[0], REF_TOL,
           F32(0.312720414f, 0.18315163f, -0.00284795459f, 0.317525515f, -0.0541612964f, -0.129956184f, 0.196131478f,
               0.253037968f, 0.41419876f, 0.208164021f, -0.0236423355f, 0.186724931f, -0.0764580175f, -0.197919141f,
               0.040375362f, 0.398826767f, 0.280852731f, 0.152319602f, 0.131046797f, 0.201994671f, 0.197319537f,
               -0.349394458f, -0.140864447f, 0.450109539f),
           DIMS(3, 2, 2, 2));
    expect(&y[1], REF_TOL,
           F32(0.280852731f, 0.152319602f, 0.131046797f, 0.201994671f, -0.0541612964f, -0.129956184f, 0.196131478f,
               0.253037968f),
           DIMS(2, 2, 2));
    expect(&y[2], REF_TOL,
           F32(0.585134355f, 0.327591105f, 0.220734523f, 0.422789286f, -0.108702086f, -0.18431469f, 0.324057027f,
               0.375553848f),
           DIMS(2, 2, 2));
    node_end(&t);
}

QN_TEST(kernels_ref_lstm_sequence_lens) {
    node_test t = node_begin();
    qn_tensor x = pattern(&t, 1, DIMS(3, 2, 2)), w = quarter(&t, 2, DIMS(2, 8, 2)), r = quarter(&t, 3, DIMS(2, 8, 2));
    qn_tensor b = quarter(&t, 4, DIMS(2, 16)), h0 = pattern(&t, 5, DIMS(2, 2, 2)), c0 = pattern(&t, 6, DIMS(2, 2, 2));
    const qn_tensor *y = run_ref(&t, "LSTM {hidden_size=2, direction=\"bidirectional\"}", 3,
                                 IN(x, w, r, b, tensor(I32(3, 1), DIMS(2)), h0, c0));
    expect(&y[0], REF_TOL,
           F32(0.312720414f, 0.18315163f, -0.00284795459f, 0.317525515f, -0.0541612964f, -0.129956184f, -0.057890838f,
               0.537531726f, 0.41419876f, 0.208164021f, 0.0f, 0.0f, -0.0764580175f, -0.197919141f, 0.0f, 0.0f,
               0.280852731f, 0.152319602f, 0.0f, 0.0f, 0.197319537f, -0.349394458f, 0.0f, 0.0f),
           DIMS(3, 2, 2, 2));
    expect(&y[1], REF_TOL,
           F32(0.280852731f, 0.152319602f, -0.00284795459f, 0.317525515f, -0.0541612964f, -0.129956184f, -0.057890838f,
               0.537531726f),
           DIMS(2, 2, 2));
    expect(&y[2], REF_TOL,
           F32(0.585134355f, 0.327591105f, -0.00630689106f, 0.559856219f, -0.108702086f, -0.18431469f, -0.114111034f,
               1.19765845f),
           DIMS(2, 2, 2));
    node_end(&t);
}

QN_TEST(kernels_ref_lstm_peepholes_and_clip) {
    node_test t = node_begin();
    qn_tensor x = pattern(&t, 1, DIMS(3, 1, 2)), w = quarter(&t, 2, DIMS(1, 8, 2)), r = quarter(&t, 3, DIMS(1, 8, 2));
    qn_tensor b = quarter(&t, 4, DIMS(1, 16)), p = quarter(&t, 7, DIMS(1, 6));
    const qn_tensor *y = run_ref(&t, "LSTM {hidden_size=2, clip=0.75}", 1, IN(x, w, r, b, ABSENT, ABSENT, ABSENT, p));
    expect(&y[0], REF_TOL, F32(0.100741021f, 0.119194827f, 0.0417769915f, 0.135673391f, 0.193248964f, 0.187681765f),
           DIMS(3, 1, 1, 2));
    node_end(&t);
}

QN_TEST(kernels_ref_lstm_input_forget_reverse) {
    node_test t = node_begin();
    qn_tensor x = pattern(&t, 1, DIMS(3, 1, 2)), w = quarter(&t, 2, DIMS(1, 8, 2)), r = quarter(&t, 3, DIMS(1, 8, 2));
    const qn_tensor *y = run_ref(&t, "LSTM {hidden_size=2, input_forget=1, direction=\"reverse\"}", 1,
                                 IN(x, w, r, quarter(&t, 4, DIMS(1, 16))));
    expect(&y[0], REF_TOL, F32(0.130502399f, 0.177322847f, 0.0705567571f, 0.152425255f, 0.170095459f, 0.123279662f),
           DIMS(3, 1, 1, 2));
    node_end(&t);
}

QN_TEST(kernels_ref_lstm_activations) {
    node_test t = node_begin();
    qn_tensor x = pattern(&t, 1, DIMS(3, 1, 2)), w = quarter(&t, 2, DIMS(1, 8, 2)), r = quarter(&t, 3, DIMS(1, 8, 2));
    const qn_tensor *y = run_ref(&t,
                                 "LSTM {hidden_size=2, activations=[\"HardSigmoid\",\"LeakyRelu\",\"ScaledTanh\"], "
                                 "activation_alpha=[0.25,0.5,0.75], activation_beta=[0.5,2.0]}",
                                 1, IN(x, w, r, quarter(&t, 4, DIMS(1, 16))));
    expect(&y[0], REF_TOL, F32(0.149108555f, 0.180167287f, 0.0622395594f, 0.188940175f, 0.293918993f, 0.259248379f),
           DIMS(3, 1, 1, 2));
    node_end(&t);
}
