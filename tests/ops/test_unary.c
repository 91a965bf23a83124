#include "tests/ops/shape_case.h"

#include <stdio.h>

#define X "input %x: float32[batch,3]"
#define I "input %i: int64[batch,3]"

QN_TEST(ops_unary_types) {
    static const char *const names[] = {"Abs", "Ceil", "Cos", "Elu", "Erf", "Exp", "Floor", "Gelu", "HardSigmoid",
                                        "HardSwish", "Identity", "LeakyRelu", "Log", "Neg", "Reciprocal", "Relu",
                                        "Round", "Sigmoid", "Sign", "Sin", "Softplus", "Sqrt", "Swish", "Tan", "Tanh"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char node[64];
        snprintf(node, sizeof node, "%%y = %s(%%x)", names[i]);
        SHAPE(X, node, "float32[batch,3]");
        SHAPE("input %x: float16[]", node, "float16[]");
        SHAPE("input %x: float32[...]", node, "float32[...]");
        SHAPE("input %x: float64[0,7]", node, "float64[0,7]");
    }
}

QN_TEST(ops_unary_dtypes) {
    SHAPE(I, "%y = Abs(%i)", "int64[batch,3]");
    SHAPE(I, "%y = Relu(%i)", "int64[batch,3]");
    SHAPE("input %b: bool[n]", "%y = Not(%b)", "bool[n]");
    MALFORMED(I, "%y = Sqrt(%i)", "input 0 is int64, must be floating point");
    MALFORMED(X, "%y = Not(%x)", "input 0 is float32, must be bool");
    MALFORMED("input %u: uint8[3]", "%y = Neg(%u)", "input 0 is uint8");
    MALFORMED("input %b: bool[3]", "%y = Abs(%b)", "input 0 is bool");
    MALFORMED(X, "%y = Relu(%x, %x)", "has 2 inputs, takes 1 to 1");
    MALFORMED(X, "%y = Relu(_)", "input 0 is missing");
}

QN_TEST(ops_unary_contents) {
    SHAPE(X, "%s = Shape(%x)\n%y = Neg(%s)", "int64[2] = {-batch, -3}");
    SHAPE(X, "%s = Shape(%x)\n%y = Identity(%s)", "int64[2] = {batch, 3}");
    SHAPE(X, "%s = Shape(%x)\n%y = Abs(%s)", "int64[2] = {batch, 3}");
    SHAPE(X, "%s = Shape(%x)\n%n = Neg(%s)\n%y = Relu(%n)", "int64[2] = {0, 0}");
    SHAPE(X, "%s = Shape(%x)\n%n = Neg(%s)\n%y = Abs(%n)", "int64[2] = {batch, 3}");
    SHAPE("const %b: bool[2] = {0, 1}", "%y = Not(%b)", "bool[2] = {1, 0}");
    SHAPE("const %f: float32[2] = {1369, 10}", "%y = Sqrt(%f)", "float32[2] = {37, ?}");
    SHAPE("const %k: int64[3] = {-5, 0, 7}", "%y = Sign(%k)", "int64[3] = {-1, 0, 1}");
}
