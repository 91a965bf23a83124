/* Elementwise: shapes, and programs that are none. */
#include "ops/program.h"
#include "tests/ops/shape_case.h"

#define X "input %x: float32[b,3]\ninput %z: float32[3]"
#define NODE(OPS, OPERANDS, PARAMS)                                                                                    \
    "%y = Elementwise(%x, %z) {ops=[" OPS "], operands=[" OPERANDS "], params=[" PARAMS "]}"

QN_TEST(ops_elementwise_shape) {
    SHAPE(X, NODE("\"Mul\", \"Tanh\"", "0,1,2,-1", "0,0,0,0"), "float32[b,3]");
    SHAPE("input %x: float16[4,1]\ninput %z: float16[5]", NODE("\"Add\"", "0,1", "0,0"), "float16[4,5]");
}

QN_TEST(ops_elementwise_refused) {
    MALFORMED(X, NODE("\"MatMul\"", "0,1", "0,0"), "ops has a name that is no step");
    MALFORMED(X, NODE("\"Mul\"", "0,2", "0,0"), "operands has an index that is not there");
    MALFORMED(X, NODE("\"Mul\"", "0,-1", "0,0"), "operands has an index that is not there");
    MALFORMED(X, NODE("\"Tanh\"", "0,1", "0,0"), "operands has an index that is not there");
    MALFORMED(X, NODE("\"Tanh\"", "0", "0,0"), "operands and params are not two for each of ops");
    MALFORMED(X, NODE("\"Tanh\"", "0,-1", "0"), "operands and params are not two for each of ops");
    MALFORMED(X, "%y = Elementwise(%x, %z) {operands=[0,1], params=[0,0]}", "ops are not 1 to 24 names");
    MALFORMED("input %x: float32[3]\ninput %z: int64[3]", NODE("\"Mul\"", "0,1", "0,0"), "int64");
    MALFORMED("input %x: float32[3]\ninput %z: float32[4]", NODE("\"Mul\"", "0,1", "0,0"), "");
}

/* a b c ... pairwise: as many results wait as there are levels. */
QN_TEST(ops_program_live) {
    qn_program p = {.n_in = 1, .n_steps = 7};
    for (int k = 0; k < 4; k++)
        p.step[k] = (qn_program_step){QN_OP_Exp, 0, -1, 0, 0};
    p.step[4] = (qn_program_step){QN_OP_Add, 1, 2, 0, 0};
    p.step[5] = (qn_program_step){QN_OP_Add, 3, 4, 0, 0};
    p.step[6] = (qn_program_step){QN_OP_Add, 5, 6, 0, 0};
    assert_int_equal(qn_program_live(&p), 5);
    p.n_steps = 1;
    assert_int_equal(qn_program_live(&p), 1);
}
