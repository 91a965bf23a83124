/* Expected numbers: PyTorch 1.13 or NumPy, in float64, on the same patterns. */
#include "tests/kernels/run_node.h"

QN_TEST(kernels_ref_global_pool_mean_and_max) {
    node_test t = node_begin();
    const qn_tensor *y = run_ref(&t, "GlobalAveragePool", 1, IN(pattern(&t, 1, DIMS(2, 3, 2, 3))));
    expect(&y[0], REF_TOL, F32(-0.0104166667f, 0.614583333f, 0.302083333f, 0.0729166667f, -0.239583333f, 0.5f),
           DIMS(2, 3, 1, 1));
    y = run_ref(&t, "GlobalMaxPool", 1, IN(pattern(&t, 1, DIMS(2, 3, 5))));
    expect(&y[0], 0, F32(1.6875f, 1.5f, 1.0f, 1.8125f, 1.8125f, 0.75f), DIMS(2, 3, 1));
    node_end(&t);
}
