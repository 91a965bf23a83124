/* Expected numbers: PyTorch 1.13 or NumPy, in float64, on the same patterns. */
#include "tests/kernels/run_node.h"

QN_TEST(kernels_ref_gemm_transposed_and_scaled) {
    node_test t = node_begin();
    const qn_tensor *y = run_ref(&t, "Gemm {transA=1, transB=1, alpha=0.5, beta=2.0}", 1,
                                 IN(pattern(&t, 1, DIMS(3, 2)), pattern(&t, 2, DIMS(4, 3)), pattern(&t, 3, DIMS(4))));
    expect(
        &y[0], REF_TOL,
        F32(4.72851562f, -1.3671875f, -2.08007812f, 2.23632812f, 4.04492188f, -0.138671875f, -1.65429688f, 4.203125f),
        DIMS(2, 4));
    node_end(&t);
}

QN_TEST(kernels_ref_gemm_c_broadcasts) {
    node_test t = node_begin();
    qn_tensor a = tensor(F32(1, 2), DIMS(2, 1)), b = tensor(F32(1, 10), DIMS(1, 2));
    const qn_tensor *y = run_ref(&t, "Gemm", 1, IN(a, b, tensor(F32(100), SCALAR)));
    expect(&y[0], 0, F32(101, 110, 102, 120), DIMS(2, 2));
    y = run_ref(&t, "Gemm", 1, IN(a, b, tensor(F32(100, 200), DIMS(2, 1))));
    expect(&y[0], 0, F32(101, 110, 202, 220), DIMS(2, 2));
    y = run_ref(&t, "Gemm", 1, IN(a, b));
    expect(&y[0], 0, F32(1, 10, 2, 20), DIMS(2, 2));
    y = run_ref(&t, "Gemm", 1, IN(empty(QN_F32, DIMS(2, 0)), empty(QN_F32, DIMS(0, 2)), tensor(F32(1, 2), DIMS(2))));
    expect(&y[0], 0, F32(1, 2, 1, 2), DIMS(2, 2));
    node_end(&t);
}

QN_TEST(kernels_ref_gemm_integers) {
    node_test t = node_begin();
    qn_tensor a = tensor(I32(1, -2), DIMS(1, 2)), b = tensor(I32(3, 5), DIMS(2, 1)), c = tensor(I32(4), SCALAR);
    const qn_tensor *y = run_ref(&t, "Gemm", 1, IN(a, b, c));
    expect(&y[0], 0, I32(-3), DIMS(1, 1));
    y = run_ref(&t, "Gemm {alpha=0.5}", 1, IN(a, b, c)); /* -3.5 + 4 */
    expect(&y[0], 0, I32(0), DIMS(1, 1));
    node_end(&t);
}

QN_TEST(kernels_ref_gemm_linear) {
    node_test t = node_begin();
    qn_tensor x = pattern(&t, 1, DIMS(2, 2, 3)), w = pattern(&t, 2, DIMS(4, 3)), b = pattern(&t, 3, DIMS(4));
    const qn_tensor *y =
        run_ref(&t, "Linear {trans_w=1, activation=\"GELU\"}", 1, IN(x, w, b, pattern(&t, 4, DIMS(2, 2, 4))));
    expect(&y[0], REF_TOL,
           F32(0.977200947f, 2.13741902f, 1.44471667f, 0.670980786f, -0.708248029f, -1.77599256f, 1.54677081f,
               4.11223119f, 3.04040292f, 0.101920205f, -0.227206242f, 0.103340224f, 1.7657849f, 0.97701413f,
               0.721243295f, 2.59699535f),
           DIMS(2, 2, 4));
    y = run_ref(&t, "Linear {trans_w=1, activation=\"SILU\"}", 1, IN(x, w, b));
    expect(&y[0], REF_TOL,
           F32(0.422668793f, 2.94263009f, -0.277710657f, 0.268637222f, -0.0210228676f, -0.182554018f, 0.160271058f,
               3.31787126f, 2.23733265f, -0.267795113f, -0.274264274f, -0.267108453f, 1.45326746f, 0.263074984f,
               -0.272453191f, 0.789616009f),
           DIMS(2, 2, 4));
    node_end(&t);
}

QN_TEST(kernels_ref_gemm_linear_without_bias) {
    node_test t = node_begin();
    qn_tensor x = tensor(F32(1, -2), DIMS(2)), w = tensor(F32(1, 2, 3, 4), DIMS(2, 2));
    const qn_tensor *y = run_ref(&t, "Linear", 1, IN(x, w));
    expect(&y[0], 0, F32(-5, -6), DIMS(2));
    y = run_ref(&t, "Linear {activation=\"CLIP\", activation_min=-5.5, activation_max=6.0}", 1,
                IN(x, w, ABSENT, tensor(F32(10, 20), DIMS(2))));
    expect(&y[0], 0, F32(5, 14.5), DIMS(2));
    node_end(&t);
}
