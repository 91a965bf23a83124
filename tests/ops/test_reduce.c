#include "tests/ops/shape_case.h"

#include <stdio.h>

#define X "input %x: float32[b,3,h]\nconst %a1: int64[1] = {-1}\nconst %a02: int64[2] = {0, 2}\nconst %none: int64[0] = {}\n"

QN_TEST(ops_reduce_shapes) {
    static const char *const names[] = {"ReduceL2", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum",
                                        "ReduceSumSquare"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char node[128];
#define REDUCE(FMT, WANT) snprintf(node, sizeof node, FMT, names[i]), SHAPE(X "input %ax: int64[1]", node, WANT)
        REDUCE("%%y = %s(%%x, %%a1)", "float32[b,3,1]");
        REDUCE("%%y = %s(%%x, %%a1) {keepdims=0}", "float32[b,3]");
        REDUCE("%%y = %s(%%x, %%a02) {keepdims=0}", "float32[3]");
        REDUCE("%%y = %s(%%x)", "float32[1,1,1]");
        REDUCE("%%y = %s(%%x) {keepdims=0}", "float32[]");
        REDUCE("%%y = %s(%%x, %%none) {keepdims=0}", "float32[]");
        REDUCE("%%y = %s(%%x, %%none) {noop_with_empty_axes=1}", "float32[b,3,h]");
        REDUCE("%%y = %s(%%x, %%ax) {keepdims=0}", "float32[y_0,y_1]");
        REDUCE("%%y = %s(%%x, %%ax)", "float32[y_0,y_1,y_2]");
    }
    MALFORMED(X "const %bad: int64[1] = {3}", "%y = ReduceSum(%x, %bad)", "axis 3 is out of range for rank 3");
    MALFORMED(X "const %bad: int64[2] = {0, -3}", "%y = ReduceSum(%x, %bad)", "axis 0 is given twice");
    MALFORMED(X "const %bad: float32[1] = {1}", "%y = ReduceSum(%x, %bad)", "must be int64 or int32");
}

QN_TEST(ops_reduce_arg) {
    SHAPE(X, "%y = ArgMax(%x) {axis=1}", "int64[b,1,h]");
    SHAPE(X, "%y = ArgMin(%x) {axis=-1, keepdims=0}", "int64[b,3]");
    MALFORMED(X, "%y = ArgMax(%x) {axis=3}", "axis 3 is out of range");
    MALFORMED("input %x: float32[2,0]", "%y = ArgMax(%x) {axis=1}", "axis 1 has no elements");
}

QN_TEST(ops_reduce_contents) {
    SHAPE(X, "%s = Shape(%x)\n%y = ReduceProd(%s) {keepdims=0}", "int64[] = {3*b*h}");
    SHAPE(X, "%s = Shape(%x)\n%y = ReduceSum(%s)", "int64[1] = {b+h+3}");
    SHAPE("const %k: int64[3] = {4, 9, 2}", "%y = ReduceMax(%k) {keepdims=0}", "int64[] = {9}");
    SHAPE("const %k: int64[3] = {4, 9, 2}", "%y = ReduceMin(%k)", "int64[1] = {2}");
    SHAPE("const %k: int64[0] = {}", "%y = ReduceProd(%k)", "int64[1] = {1}");
    SHAPE("const %k: int64[2] = {4611686018427387904, 4}", "%y = ReduceProd(%k)", "int64[1]");
}
