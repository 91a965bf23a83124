/* Shape, Size, ConstantOfShape, Range. */
#include "tests/kernels/run_node.h"

QN_TEST(kernels_ref_shape_shape) {
    node_test t = node_begin();
    qn_tensor x = pattern(&t, 1, DIMS(3, 4, 5));
    expect(run_ref(&t, "Shape", 1, IN(x)), 0, I64(3, 4, 5), DIMS(3));
    expect(run_ref(&t, "Shape {start=-2}", 1, IN(x)), 0, I64(4, 5), DIMS(2));
    expect(run_ref(&t, "Shape {start=1, end=-1}", 1, IN(x)), 0, I64(4), DIMS(1));
    expect_dims(run_ref(&t, "Shape {start=2, end=1}", 1, IN(x)), DIMS(0));
    expect_dims(run_ref(&t, "Shape", 1, IN(tensor(F32(1), SCALAR))), DIMS(0));
    expect(run_ref(&t, "Size", 1, IN(x)), 0, I64(60), SCALAR);
    expect(run_ref(&t, "Size", 1, IN(empty(QN_I8, DIMS(4, 0)))), 0, I64(0), SCALAR);
    node_end(&t);
}

QN_TEST(kernels_ref_shape_constant_of_shape) {
    node_test t = node_begin();
    expect(run_ref(&t, "ConstantOfShape", 1, IN(tensor(I64(2, 2), DIMS(2)))), 0, F32(0, 0, 0, 0), DIMS(2, 2));
    expect(run_ref(&t, "ConstantOfShape {value=int32[1]{7}}", 1, IN(tensor(I64(3), DIMS(1)))), 0, I32(7, 7, 7), DIMS(3));
    expect(run_ref(&t, "ConstantOfShape {value=int64[1]{-1}}", 1, IN(empty(QN_I64, DIMS(0)))), 0, I64(-1), SCALAR);
    expect_dims(run_ref(&t, "ConstantOfShape", 1, IN(tensor(I64(0, 3), DIMS(2)))), DIMS(0, 3));
    node_end(&t);
}

QN_TEST(kernels_ref_shape_range) {
    node_test t = node_begin();
    expect(run_ref(&t, "Range", 1, IN(tensor(F32(1), SCALAR), tensor(F32(5), SCALAR), tensor(F32(2), SCALAR))), 0, F32(1, 3),
           DIMS(2));
    expect(run_ref(&t, "Range", 1, IN(tensor(I64(10), SCALAR), tensor(I64(4), SCALAR), tensor(I64(-3), SCALAR))), 0,
           I64(10, 7), DIMS(2));
    expect_dims(run_ref(&t, "Range", 1, IN(tensor(I32(1), SCALAR), tensor(I32(1), SCALAR), tensor(I32(1), SCALAR))), DIMS(0));
    expect(run_ref(&t, "Range", 1, IN(tensor(F64(0), SCALAR), tensor(F64(0.25), SCALAR), tensor(F64(0.1), SCALAR))), 0,
           F64(0, 0.1, 0.2), DIMS(3));
    node_end(&t);
}
