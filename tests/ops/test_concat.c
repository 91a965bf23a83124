#include "tests/ops/shape_case.h"

QN_TEST(ops_concat_shapes) {
    SHAPE("input %a: float32[b,3,h]\ninput %c: float32[b,4,h]", "%y = Concat(%a, %c) {axis=1}", "float32[b,7,h]");
    SHAPE("input %a: float32[b,n]\ninput %c: float32[b,m]", "%y = Concat(%a, %c, %a) {axis=-1}", "float32[b,2*n+m]");
    SHAPE("input %a: float32[b,3]\ninput %c: float32[2,3]", "%y = Concat(%a, %c) {axis=1}", "float32[2,6]");
    SHAPE("input %a: float32[...]\ninput %c: float32[2,3]", "%y = Concat(%a, %c) {axis=1}", "float32[2,y_1]");
    SHAPE("input %a: float32[0]", "%y = Concat(%a) {axis=0}", "float32[0]");
    MALFORMED("input %a: float32[2,3]\ninput %c: float32[4,3]", "%y = Concat(%a, %c) {axis=1}", "2 against 4");
    MALFORMED("input %a: float32[2,3]\ninput %c: float32[3]", "%y = Concat(%a, %c) {axis=0}", "rank 1, must have rank 2");
    MALFORMED("input %a: float32[2]\ninput %c: int64[2]", "%y = Concat(%a, %c) {axis=0}", "the same");
    MALFORMED("input %a: float32[2]", "%y = Concat(%a, %a) {axis=1}", "axis 1 is out of range");
    MALFORMED("input %a: float32[2]", "%y = Concat(%a, %a)", "lacks the attribute axis");
    MALFORMED("input %a: float32[]", "%y = Concat(%a, %a) {axis=0}", "axis 0 is out of range");
    MALFORMED("input %a: int8[9223372036854775807]", "%y = Concat(%a, %a) {axis=0}", "overflows");
}

QN_TEST(ops_concat_contents) {
    SHAPE("input %x: float32[b,h]\nconst %k: int64[1] = {-1}", "%s = Shape(%x)\n%y = Concat(%s, %k) {axis=0}",
          "int64[3] = {b, h, -1}");
    SHAPE("input %x: float32[b,h]\ninput %k: int64[1]", "%s = Shape(%x)\n%y = Concat(%k, %s) {axis=0}",
          "int64[3] = {?, b, h}");
    SHAPE("const %a: int64[2,1] = {1, 2}\nconst %b: int64[2,2] = {3, 4, 5, 6}", "%y = Concat(%a, %b) {axis=1}",
          "int64[2,3] = {1, 3, 4, 2, 5, 6}");
}
