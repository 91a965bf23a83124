#include "tests/ops/shape_case.h"

#define AB(A, B) "input %a: float32" A "\ninput %b: float32" B

QN_TEST(ops_matmul) {
    SHAPE(AB("[b,n,64]", "[64,8]"), "%y = MatMul(%a, %b)", "float32[b,n,8]");
    SHAPE(AB("[b,12,n,64]", "[b,12,64,m]"), "%y = MatMul(%a, %b)", "float32[b,12,n,m]");
    SHAPE(AB("[b,1,n,64]", "[12,64,m]"), "%y = MatMul(%a, %b)", "float32[b,12,n,m]");
    SHAPE(AB("[4]", "[4]"), "%y = MatMul(%a, %b)", "float32[]");
    SHAPE(AB("[4]", "[b,4,5]"), "%y = MatMul(%a, %b)", "float32[b,5]");
    SHAPE(AB("[b,3,4]", "[4]"), "%y = MatMul(%a, %b)", "float32[b,3]");
    SHAPE(AB("[2,0]", "[0,3]"), "%y = MatMul(%a, %b)", "float32[2,3]");
    SHAPE(AB("[...]", "[4]"), "%y = MatMul(%a, %b)", "float32[...]");
    SHAPE("input %a: int32[2,3]\ninput %b: int32[3,4]", "%y = MatMul(%a, %b)", "int32[2,4]");
    SHAPE("input %a: float16[2,3]\ninput %b: float32[3,4]", "%y = MatMul(%a, %b)", "float16[2,4]");
    MALFORMED(AB("[2,3]", "[4,5]"), "%y = MatMul(%a, %b)", "inner dimensions differ: 3 against 4");
    MALFORMED(AB("[2,2,3]", "[3,3,4]"), "%y = MatMul(%a, %b)", "cannot broadcast 2 against 3");
    MALFORMED(AB("[]", "[3]"), "%y = MatMul(%a, %b)", "input 0 has rank 0, must have at least 1");
    MALFORMED("input %a: int32[2,3]\ninput %b: float32[3,4]", "%y = MatMul(%a, %b)", "the same");
    MALFORMED("input %a: float64[2,3]\ninput %b: float32[3,4]", "%y = MatMul(%a, %b)", "the same");
}

QN_TEST(ops_matmul_batch) {
    SHAPE(AB("[b,12,n,64]", "[b,12,m,64]"), "%y = BatchMatMul(%a, %b) {trans_b=1}", "float32[b,12,n,m]");
    SHAPE(AB("[b,64,n]", "[b,64,m]"), "%y = BatchMatMul(%a, %b) {trans_a=1}", "float32[b,n,m]");
    MALFORMED(AB("[b,64,n]", "[b,32,m]"), "%y = BatchMatMul(%a, %b) {trans_a=1}", "64 against 32");
    MALFORMED(AB("[64]", "[b,32,m]"), "%y = BatchMatMul(%a, %b)", "at least 2");
}

QN_TEST(ops_matmul_linear) {
    SHAPE(AB("[b,n,64]", "[64,8]") "\ninput %c: float32[8]", "%y = Linear(%a, %b, %c)", "float32[b,n,8]");
    SHAPE(AB("[64]", "[8,64]"), "%y = Linear(%a, %b) {trans_w=1}", "float32[8]");
    SHAPE(AB("[b,n,64]", "[64,8]") "\ninput %r: float32[b,n,8]", "%y = Linear(%a, %b, _, %r)", "float32[b,n,8]");
    MALFORMED(AB("[b,n,64]", "[32,8]"), "%y = Linear(%a, %b)", "64 against 32");
    MALFORMED(AB("[b,n,64]", "[64,8]") "\ninput %c: float32[9]", "%y = Linear(%a, %b, %c)", "9 elements, must have 8");
    MALFORMED(AB("[b,n,64]", "[64,8]") "\ninput %r: float32[b,n,9]", "%y = Linear(%a, %b, _, %r)", "8 against 9");
    MALFORMED(AB("[b,n,64]", "[64,8]") "\ninput %r: float32[n,8]", "%y = Linear(%a, %b, _, %r)", "rank 2, must have rank 3");
    MALFORMED(AB("[b,n,64]", "[1,64,8]"), "%y = Linear(%a, %b)", "rank 3, must have rank 2");
}

QN_TEST(ops_matmul_gemm) {
    SHAPE(AB("[b,64]", "[64,8]") "\ninput %c: float32[8]", "%y = Gemm(%a, %b, %c)", "float32[b,8]");
    SHAPE(AB("[64,b]", "[8,64]") "\ninput %c: float32[1,8]", "%y = Gemm(%a, %b, %c) {transA=1, transB=1}", "float32[b,8]");
    SHAPE(AB("[b,64]", "[64,8]") "\ninput %c: float32[]", "%y = Gemm(%a, %b, %c)", "float32[b,8]");
    MALFORMED(AB("[b,64]", "[64,8]") "\ninput %c: float32[9]", "%y = Gemm(%a, %b, %c)", "bias: 9 cannot be broadcast to 8");
    MALFORMED(AB("[b,64]", "[64,8]"), "%y = Gemm(%a, %b) {transB=1}", "64 against 8");
    MALFORMED(AB("[b,2,64]", "[64,8]"), "%y = Gemm(%a, %b)", "rank 3, must have rank 2");
}
