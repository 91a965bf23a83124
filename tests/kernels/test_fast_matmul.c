#include "tests/kernels/fast_node.h"

QN_TEST(kernels_matmul_broadcasts) {
    node_test t = node_begin();
#define P(SEED, ...) pattern(&t, SEED, DIMS(__VA_ARGS__))
    check_fast("MatMul", EXACT, 1, IN(P(1, 5, 7), P(2, 7, 9)));
    check_fast("MatMul", EXACT, 1, IN(P(1, 3, 5, 7), P(2, 7, 9)));
    check_fast("MatMul", EXACT, 1, IN(P(1, 5, 7), P(2, 3, 7, 9)));
    check_fast("MatMul", EXACT, 1, IN(P(1, 2, 1, 5, 7), P(2, 3, 7, 40)));
    check_fast("MatMul", EXACT, 1, IN(P(1, 2, 3, 5, 7), P(2, 2, 1, 7, 1)));
    check_fast("MatMul", EXACT, 1, IN(P(1, 7), P(2, 7)));
    check_fast("MatMul", EXACT, 1, IN(P(1, 7), P(2, 3, 7, 4)));
    check_fast("MatMul", EXACT, 1, IN(P(1, 3, 4, 7), P(2, 7)));
    check_fast("MatMul", EXACT, 1, IN(P(1, 12, 50, 64), P(2, 12, 64, 50)));
    check_fast("MatMul", EXACT, 1, IN(P(1, 1, 300), P(2, 300, 200)));
    check_fast("MatMul", EXACT, 1, IN(P(1, 200, 300), P(2, 300, 1)));
    check_fast("MatMul", EXACT, 1, IN(empty(QN_F32, DIMS(0, 4)), P(2, 4, 3)));
    check_fast("MatMul", EXACT, 1, IN(empty(QN_F32, DIMS(2, 0)), empty(QN_F32, DIMS(0, 3))));
    node_end(&t);
}

QN_TEST(kernels_batch_matmul_transposes) {
    node_test t = node_begin();
    check_fast("BatchMatMul {trans_b=1, alpha=0.125}", EXACT, 1, IN(P(1, 6, 33, 64), P(2, 6, 31, 64)));
    check_fast("BatchMatMul {trans_a=1}", EXACT, 1, IN(P(1, 2, 8, 5), P(2, 2, 8, 9)));
    check_fast("BatchMatMul {trans_a=1, trans_b=1}", EXACT, 1, IN(P(1, 2, 1, 8, 5), P(2, 3, 9, 8)));
    node_end(&t);
}

QN_TEST(kernels_gemm_node_forms) {
    node_test t = node_begin();
    check_fast("Gemm", EXACT, 1, IN(P(1, 5, 7), P(2, 7, 9)));
    check_fast("Gemm {transA=1, transB=1, alpha=0.5, beta=2.0}", EXACT, 1, IN(P(1, 7, 5), P(2, 9, 7), P(3, 5, 9)));
    check_fast("Gemm {transB=1}", EXACT, 1, IN(P(1, 5, 7), P(2, 9, 7), P(3, 9)));
    check_fast("Gemm {transB=1}", EXACT, 1, IN(P(1, 5, 7), P(2, 9, 7), P(3, 5, 1)));
    check_fast("Gemm", EXACT, 1, IN(P(1, 5, 7), P(2, 7, 9), P(3, 1)));
    check_fast("Gemm", EXACT, 1, IN(P(1, 5, 7), P(2, 7, 9), pattern(&t, 3, SCALAR)));
    check_fast("Gemm", EXACT, 1, IN(P(1, 5, 7), P(2, 7, 9), P(3, 1, 9)));
    node_end(&t);
}

QN_TEST(kernels_linear_forms) {
    node_test t = node_begin();
    static const qn_dtype kinds[] = {QN_F32, QN_F16, QN_BF16};
    for (int d = 0; d < 3; d++) {
#define D(SEED, ...) pattern_as(&t, kinds[d], SEED, DIMS(__VA_ARGS__))
        check_fast("Linear", EXACT, 1, IN(D(1, 2, 3, 24), D(2, 24, 40), D(3, 40), D(4, 2, 3, 40)));
        check_fast("Linear {trans_w=1}", EXACT, 1, IN(D(1, 30, 24), D(2, 40, 24), D(3, 40)));
        check_fast("Linear {activation=\"RELU\"}", EXACT, 1, IN(D(1, 24), D(2, 24, 40), ABSENT, D(4, 40)));
    }
    /* |x| is under 40: GELU's own error 4e-7 |x| */
    check_fast("Linear {activation=\"GELU\"}", 1.6e-5, 1, IN(P(1, 30, 24), P(2, 24, 40), P(3, 40)));
    node_end(&t);
}
