#include "tests/ops/shape_case.h"

#define HW "input %x: float32[h,w]"

QN_TEST(ops_round_cast_types) {
    SHAPE(HW, "%y = Cast(%x) {to=7}", "int64[h,w]");
    SHAPE(HW, "%y = Cast(%x) {to=10}", "float16[h,w]");
    SHAPE("input %x: float32[...]", "%y = Cast(%x) {to=9}", "bool[...]");
    UNSUPPORTED(HW, "%y = Cast(%x) {to=8}", "casts to dtype 8");
    UNSUPPORTED(HW, "%y = Cast(%x)", "casts to dtype 0");
    UNSUPPORTED(HW, "%y = Cast(%x) {to=-1}", "casts to dtype -1");
    UNSUPPORTED(HW, "%y = Cast(%x) {to=4294967297}", "casts to dtype");
}

QN_TEST(ops_round_cast_contents) {
    SHAPE(HW, "%s = Shape(%x)\n%f = Cast(%s) {to=1}\n%y = Cast(%f) {to=7}", "int64[2] = {h, w}");
    SHAPE(HW, "%s = Shape(%x)\n%y = Cast(%s) {to=6}", "int32[2] = {h, w}");
    SHAPE(HW, "%s = Shape(%x)\n%f = Cast(%s) {to=1}\n%y = Floor(%f)", "float32[2] = {h, w}");
    /* float16 does not hold any size, nor uint8 */
    SHAPE(HW, "%s = Shape(%x)\n%y = Cast(%s) {to=10}", "float16[2]");
    SHAPE(HW, "%s = Shape(%x)\n%y = Cast(%s) {to=2}", "uint8[2]");
    SHAPE("const %k: int64[3] = {255, 256, -1}", "%y = Cast(%k) {to=2}", "uint8[3] = {255, ?, ?}");
    SHAPE("const %k: int64[3] = {2, 0, -1}", "%y = Cast(%k) {to=9}", "bool[3] = {1, 0, 1}");
    SHAPE("const %f: float32[3] = {2.5, -3, 1e30}", "%y = Cast(%f) {to=7}", "int64[3] = {?, -3, ?}");
}

/* The sizes that a model computes in floats: floor(h / 14). */
QN_TEST(ops_round_quotients) {
    static const char *const before = HW "\nconst %k: int64[] = 0\nconst %d: float32[] = 14\nconst %z: float32[] = 0.5";
#define HEIGHT "%s = Shape(%x)\n%h = Gather(%s, %k)\n%f = Cast(%h) {to=1}\n"
    SHAPE(before, HEIGHT "%q = Div(%f, %d)\n%y = Floor(%q)", "float32[] = {h//14}");
    SHAPE(before, HEIGHT "%q = Div(%f, %d)\n%y = Ceil(%q)", "float32[] = {(h+13)//14}");
    SHAPE(before, HEIGHT "%q = Div(%f, %d)\n%y = Cast(%q) {to=7}", "int64[] = {h//14}");
    SHAPE(before, HEIGHT "%q = Div(%f, %d)\n%y = Round(%q)", "float32[]");
    SHAPE(before, HEIGHT "%q = Div(%f, %z)\n%y = Floor(%q)", "float32[]");
    SHAPE(before, HEIGHT "%m = Mul(%f, %d)\n%q = Div(%m, %d)\n%y = Cast(%q) {to=7}", "int64[] = {h}");
}
