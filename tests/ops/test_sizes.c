#include "tests/ops/shape_case.h"

QN_TEST(ops_sizes_shape) {
    SHAPE("input %x: float32[b,3,h]", "%y = Shape(%x)", "int64[3] = {b, 3, h}");
    SHAPE("input %x: float32[b,3,h]", "%y = Shape(%x) {start=1}", "int64[2] = {3, h}");
    SHAPE("input %x: float32[b,3,h]", "%y = Shape(%x) {start=-2, end=-1}", "int64[1] = {3}");
    SHAPE("input %x: float32[b,3,h]", "%y = Shape(%x) {start=-9, end=9}", "int64[3] = {b, 3, h}");
    SHAPE("input %x: float32[b,3,h]", "%y = Shape(%x) {start=2, end=1}", "int64[0] = {}");
    SHAPE("input %x: float32[b,3,h]", "%y = Shape(%x) {start=-9223372036854775808, end=9223372036854775807}", "int64[3] = {b, 3, h}");
    SHAPE("input %x: float32[]", "%y = Shape(%x)", "int64[0] = {}");
    SHAPE("input %x: float32[...]", "%y = Shape(%x)", "int64[y_0]");
    SHAPE("input %x: float32[b,3,h]", "%y = Size(%x)", "int64[] = {3*b*h}");
    SHAPE("input %x: float32[...]", "%y = Size(%x)", "int64[]");
}

QN_TEST(ops_sizes_constant_of_shape) {
    SHAPE("input %x: float32[b,3]", "%s = Shape(%x)\n%y = ConstantOfShape(%s)", "float32[b,3]");
    SHAPE("const %k: int64[2] = {2, 1}", "%y = ConstantOfShape(%k) {value=int64[1]{7}}", "int64[2,1] = {7, 7}");
    SHAPE("const %k: int64[1] = {2}", "%y = ConstantOfShape(%k) {value=float32[1]{0.5}}", "float32[2]");
    SHAPE("const %k: int64[0] = {}", "%y = ConstantOfShape(%k)", "float32[] = {0}");
    SHAPE("input %k: int64[2]", "%y = ConstantOfShape(%k)", "float32[y_0,y_1]");
    MALFORMED("const %k: int64[1] = {-1}", "%y = ConstantOfShape(%k)", "a dimension of -1");
    MALFORMED("const %k: int64[1] = {1}", "%y = ConstantOfShape(%k) {value=int64[2]{1,2}}", "value is not one number");
    MALFORMED("const %k: int64[1,1] = {1}", "%y = ConstantOfShape(%k)", "must have rank 1");
}

#define R(TYPE, START, LIMIT, DELTA) \
    "const %s: " #TYPE "[] = " #START "\nconst %l: " #TYPE "[] = " #LIMIT "\nconst %d: " #TYPE "[] = " #DELTA
#define RANGE "%y = Range(%s, %l, %d)"

QN_TEST(ops_sizes_range) {
    SHAPE(R(int64, 0, 4, 1), RANGE, "int64[4] = {0, 1, 2, 3}");
    SHAPE(R(int64, 10, 4, -3), RANGE, "int64[2] = {10, 7}");
    SHAPE(R(int64, 4, 0, 1), RANGE, "int64[0] = {}");
    SHAPE(R(float32, 0, 1, 0.1), RANGE, "float32[10]");
    SHAPE(R(float32, 1, 0, -0.25), RANGE, "float32[4]");
    SHAPE(R(float64, 0, 1, 0.3), RANGE, "float64[4]");
    SHAPE("input %x: float32[b,n]\nconst %z: int64[] = 0\nconst %i: int64[] = 1",
          "%s = Shape(%x)\n%n = Gather(%s, %i)\n%y = Range(%z, %n, %i)", "int64[n]");
    SHAPE("input %x: float32[b,n]\nconst %z: int64[] = 0\nconst %i: int64[] = 1\nconst %two: int64[] = 2",
          "%s = Shape(%x)\n%n = Gather(%s, %i)\n%m = Add(%n, %two)\n%y = Range(%n, %m, %i)", "int64[2] = {n, n+1}");
    SHAPE("input %x: float32[b,n]\nconst %z: float32[] = 0\nconst %i: int64[] = 1\nconst %one: float32[] = 1",
          "%s = Shape(%x)\n%n = Gather(%s, %i)\n%f = Cast(%n) {to=1}\n%y = Range(%z, %f, %one)", "float32[n]");
    SHAPE("input %a: int64[]", "%y = Range(%a, %a, %a)", "int64[y_0]");
    MALFORMED(R(int64, 0, 4, 0), RANGE, "steps by 0");
    MALFORMED(R(float32, 0, 4, 0), RANGE, "steps by 0");
    MALFORMED(R(float32, 0, 1e30, 1), RANGE, "has no length");
    MALFORMED(R(int64, -4611686018427387904, 4611686018427387904, 1), RANGE, "overflows");
    MALFORMED(R(int64, 0, 4611686018427387904, 1), RANGE, "too many elements");
    MALFORMED("input %a: int64[2]", "%y = Range(%a, %a, %a)", "2 elements, must have 1");
    MALFORMED("input %a: int64[]\ninput %b: int32[]", "%y = Range(%a, %b, %a)", "the same");
}
