/* Expected numbers: PyTorch 1.13 or NumPy, in float64, on the same patterns. */
#include "tests/kernels/run_node.h"

QN_TEST(kernels_ref_matmul_small) {
    node_test t = node_begin();
    qn_tensor a = tensor(F32(1, 2, 3, 4, 5, 6), DIMS(2, 3)), b = tensor(F32(1, 0, 0, 1, 1, 1), DIMS(3, 2));
    const qn_tensor *y = run_ref(&t, "MatMul", 1, IN(a, b));
    expect(&y[0], 0, F32(4, 5, 10, 11), DIMS(2, 2));
    node_end(&t);
}

QN_TEST(kernels_ref_matmul_broadcasts_batches) {
    node_test t = node_begin();
    const qn_tensor *y = run_ref(&t, "MatMul", 1, IN(pattern(&t, 1, DIMS(2, 1, 2, 3)), pattern(&t, 2, DIMS(3, 3, 2))));
    expect(&y[0], REF_TOL,
           F32(-3.8984375f, 3.40234375f, 2.2578125f, -0.19921875f, -1.640625f, -1.1875f, 2.37890625f, 1.8125f,
               1.171875f, -3.77734375f, -1.76171875f, 2.1875f, -2.1328125f, 2.62109375f, -0.80078125f, 0.83984375f,
               -1.16015625f, -2.3125f, -0.3515625f, -0.46875f, -1.14453125f, -1.703125f, -0.0390625f, -0.72265625f),
           DIMS(2, 3, 2, 2));
    node_end(&t);
}

QN_TEST(kernels_ref_matmul_one_dimension) {
    node_test t = node_begin();
    const qn_tensor *y = run_ref(&t, "MatMul", 1, IN(pattern(&t, 1, DIMS(3)), pattern(&t, 2, DIMS(2, 3, 2))));
    expect(&y[0], REF_TOL, F32(-3.8984375f, 3.40234375f, -1.640625f, -1.1875f), DIMS(2, 2));
    y = run_ref(&t, "MatMul", 1, IN(pattern(&t, 1, DIMS(2, 2, 3)), pattern(&t, 2, DIMS(3))));
    expect(&y[0], REF_TOL, F32(-1.16796875f, -1.85546875f, 0.62109375f, -0.09765625f), DIMS(2, 2));
    y = run_ref(&t, "MatMul", 1, IN(tensor(F32(1, 2, 3), DIMS(3)), tensor(F32(4, 5, 6), DIMS(3))));
    expect(&y[0], 0, F32(32), SCALAR);
    node_end(&t);
}

QN_TEST(kernels_ref_matmul_without_elements) {
    node_test t = node_begin();
    const qn_tensor *y = run_ref(&t, "MatMul", 1, IN(empty(QN_F32, DIMS(2, 0)), empty(QN_F32, DIMS(0, 2))));
    expect(&y[0], 0, F32(0, 0, 0, 0), DIMS(2, 2));
    y = run_ref(&t, "MatMul", 1, IN(empty(QN_F32, DIMS(0, 3)), pattern(&t, 1, DIMS(3, 2))));
    expect_dims(&y[0], DIMS(0, 2));
    node_end(&t);
}

QN_TEST(kernels_ref_matmul_integers_wrap) {
    node_test t = node_begin();
    qn_tensor a = tensor(I32(INT32_MAX, 2), DIMS(1, 2)), b = tensor(I32(2, 3), DIMS(2, 1));
    const qn_tensor *y = run_ref(&t, "MatMul", 1, IN(a, b)); /* 2^32 - 2 + 6 = 4 modulo 2^32 */
    expect(&y[0], 0, I32(4), DIMS(1, 1));
    a = tensor(I64(-3, INT64_C(1) << 60), DIMS(1, 2));
    b = tensor(I64(5, 1), DIMS(2, 1)); /* beyond what a double holds exactly */
    y = run_ref(&t, "MatMul", 1, IN(a, b));
    assert_true(((const int64_t *)y[0].data)[0] == (INT64_C(1) << 60) - 15);
    node_end(&t);
}

QN_TEST(kernels_ref_matmul_float64) {
    node_test t = node_begin();
    qn_tensor a = tensor(F64(1e16, 1), DIMS(1, 2)), b = tensor(F64(1, 1e-3), DIMS(2, 1));
    const qn_tensor *y = run_ref(&t, "MatMul", 1, IN(tensor(F64(0.1, 0.2), DIMS(1, 2)), b));
    expect(&y[0], 1e-15, F64(0.1002), DIMS(1, 1));
    (void)a;
    node_end(&t);
}

QN_TEST(kernels_ref_matmul_half_rounds_once) {
    node_test t = node_begin();
    /* 2048 + 1 + 1: float16 has steps of 2 there, so adding ones in float16 would lose them */
    float values[3] = {1, 1, 1};
    qn_tensor a = scaled(pattern_as(&t, QN_F16, 1, DIMS(1, 3)), 0),
              b = scaled(pattern_as(&t, QN_F16, 1, DIMS(3, 1)), 0);
    (void)values;
    ((uint16_t *)a.data)[0] = 0x6800;                           /* 2048 */
    ((uint16_t *)a.data)[1] = ((uint16_t *)a.data)[2] = 0x3C00; /* 1 */
    for (int i = 0; i < 3; i++)
        ((uint16_t *)b.data)[i] = 0x3C00;
    const qn_tensor *y = run_ref(&t, "MatMul", 1, IN(a, b));
    assert_int_equal(y[0].dtype, QN_F16);
    assert_true(element(&y[0], 0) == 2050);
    node_end(&t);
}

QN_TEST(kernels_ref_matmul_batchmatmul) {
    node_test t = node_begin();
    const qn_tensor *y = run_ref(&t, "BatchMatMul {trans_a=1, trans_b=1, alpha=0.5}", 1,
                                 IN(pattern(&t, 1, DIMS(2, 3, 2)), pattern(&t, 2, DIMS(2, 4, 3))));
    expect(&y[0], REF_TOL,
           F32(1.10351562f, -2.1171875f, -0.205078125f, -1.13867188f, 0.419921875f, -0.888671875f, 0.220703125f,
               0.828125f, -0.984375f, 0.7265625f, -0.3984375f, -0.0703125f, -0.55859375f, 0.06640625f, 0.029296875f,
               -0.3125f),
           DIMS(2, 2, 4));
    node_end(&t);
}
