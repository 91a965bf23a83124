/* Expected numbers: PyTorch 1.13 or NumPy, in float64, on the same patterns. */
#include "tests/kernels/run_node.h"

#include <math.h>

QN_TEST(kernels_ref_softmax_axis) {
    node_test t = node_begin();
    const qn_tensor *y = run_ref(&t, "Softmax {axis=1}", 1, IN(pattern(&t, 1, DIMS(2, 3, 2))));
    expect(&y[0], REF_TOL,
           F32(0.238175837f, 0.19163394f, 0.689184637f, 0.712006464f, 0.0726395263f, 0.0963595964f, 0.589797664f,
               0.451862762f, 0.278600689f, 0.274068619f, 0.131601647f, 0.274068619f),
           DIMS(2, 3, 2));
    y = run_ref(&t, "LogSoftmax", 1, IN(pattern(&t, 1, DIMS(2, 5))));
    expect(&y[0], REF_TOL,
           F32(-1.67120944f, -3.10870944f, -0.60870944f, -1.79620944f, -2.85870944f, -3.84585452f, -0.84585452f,
               -1.53335452f, -1.59585452f, -2.03335452f),
           DIMS(2, 5));
    node_end(&t);
}

QN_TEST(kernels_ref_softmax_large_and_masked) {
    node_test t = node_begin();
    const qn_tensor *y = run_ref(&t, "Softmax", 1, IN(tensor(F32(3e38f, 3e38f, -INFINITY, 0), DIMS(1, 4))));
    expect(&y[0], 0, F32(0.5, 0.5, 0, 0), DIMS(1, 4));
    y = run_ref(&t, "Softmax", 1, IN(tensor(F32(-INFINITY, -INFINITY), DIMS(2))));
    expect(&y[0], 0, F32(NAN, NAN), DIMS(2));
    y = run_ref(&t, "Softmax", 1, IN(empty(QN_F32, DIMS(2, 0))));
    expect_dims(&y[0], DIMS(2, 0));
    node_end(&t);
}
