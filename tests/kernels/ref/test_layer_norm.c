/* Expected numbers: PyTorch 1.13 or NumPy, in float64, on the same patterns. */
#include "tests/kernels/run_node.h"

#include <math.h>

QN_TEST(kernels_ref_layer_norm_last_axis) {
    node_test t = node_begin();
    const qn_tensor *y = run_ref(&t, "LayerNormalization", 3,
                                 IN(pattern(&t, 1, DIMS(2, 3, 4)), pattern(&t, 2, DIMS(4)), pattern(&t, 3, DIMS(4))));
    expect(&y[0], REF_TOL,
           F32(1.715636f, -2.12144954f, -0.435568346f, 1.6875f, 2.18024563f, -1.88162092f, -0.47614639f, 1.16596983f,
               0.766518106f, 0.177506915f, -1.42026087f, 1.78258926f, 2.69505361f, -0.0959278152f, -0.916569875f,
               0.46308768f, 2.75464205f, -0.395843493f, -0.725895904f, 0.661388074f, 2.18886434f, 2.75049438f,
               -1.40673346f, 1.36978985f),
           DIMS(2, 3, 4));
    expect(&y[1], REF_TOL, F32(0.5f, 0.0625f, 0.34375f, 0.96875f, 0.03125f, -0.4375f), DIMS(2, 3, 1));
    expect(&y[2], REF_TOL, F32(1.12714477f, 0.855844378f, 3.74505405f, 1.78603734f, 0.859851565f, 1.25128922f),
           DIMS(2, 3, 1));
    node_end(&t);
}

QN_TEST(kernels_ref_layer_norm_two_axes_broadcast_scale) {
    node_test t = node_begin();
    const qn_tensor *y =
        run_ref(&t, "LayerNormalization {axis=1, epsilon=0.01}", 1,
                IN(pattern(&t, 1, DIMS(2, 3, 4)), pattern(&t, 2, DIMS(3, 1)), pattern(&t, 3, DIMS(1, 4))));
    expect(&y[0], REF_TOL,
           F32(1.56176748f, 1.24043159f, -2.01322338f, 1.53382523f, 0.164724128f, -3.05952079f, 1.34556296f,
               2.66028335f, 2.00220378f, 0.379411716f, -1.06543976f, 1.69191172f, 1.77189882f, -0.0310118036f,
               -1.46531534f, 0.631869311f, -0.977908396f, -0.72123187f, -0.140240458f, 3.7803063f, 1.43601633f,
               0.552168787f, -1.51329856f, 1.57676951f),
           DIMS(2, 3, 4));
    node_end(&t);
}

QN_TEST(kernels_ref_layer_norm_rms) {
    node_test t = node_begin();
    const qn_tensor *y = run_ref(&t, "RMSNormalization", 1, IN(pattern(&t, 1, DIMS(2, 3, 4)), pattern(&t, 2, DIMS(4))));
    expect(&y[0], REF_TOL,
           F32(-0.421927999f, -1.34633389f, 0.621384871f, -0.398913745f, 0.330498593f, -2.16326352f, 0.480725226f,
               -0.564184467f, -1.1845997f, 1.21152242f, 0.0f, -0.583325609f, -0.153609099f, 1.22538168f, 0.335147126f,
               -1.31615069f, 0.923335402f, -0.725237989f, 0.221600496f, -1.04756598f, 0.660265576f, 1.27336932f,
               -0.591666555f, 0.111473409f),
           DIMS(2, 3, 4));
    node_end(&t);
}

QN_TEST(kernels_ref_layer_norm_of_nothing) {
    node_test t = node_begin();
    const qn_tensor *y = run_ref(&t, "LayerNormalization", 2, IN(empty(QN_F32, DIMS(2, 0)), empty(QN_F32, DIMS(0))));
    expect_dims(&y[0], DIMS(2, 0));
    expect(&y[1], 0, F32(NAN, NAN), DIMS(2, 1));
    node_end(&t);
}
