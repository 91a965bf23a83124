#include "tests/ops/shape_case.h"

#define THREE "%p, %q, %y = Split(%x"
#define OUT "\noutput %p\noutput %q"

QN_TEST(ops_split_shapes) {
    SHAPE("input %x: float32[b,9]", THREE ") {axis=1}" OUT, "float32[b,3]; float32[b,3]; float32[b,3]");
    SHAPE("input %x: float32[b,8]", THREE ") {axis=-1, num_outputs=3}" OUT, "float32[b,3]; float32[b,3]; float32[b,2]");
    SHAPE("input %x: float32[b,8]\nconst %k: int64[3] = {1, 5, 2}", THREE ", %k) {axis=1}" OUT,
          "float32[b,1]; float32[b,5]; float32[b,2]");
    SHAPE("input %x: float32[n,8]\ninput %k: int64[3]", THREE ", %k)" OUT, "float32[p_0,8]; float32[q_0,8]; float32[y_0,8]");
    SHAPE("input %x: float32[n]\ninput %z: float32[m]", "%t = Concat(%x, %x) {axis=0}\n%q, %y = Split(%t)\noutput %q",
          "float32[n]; float32[n]");
    SHAPE("input %x: float32[...]", THREE ") {axis=1}" OUT, "float32[...]; float32[...]; float32[...]");
}

QN_TEST(ops_split_refusals) {
    MALFORMED("input %x: float32[b,8]", THREE ") {axis=1}", "8 elements do not split into 3 equal pieces");
    MALFORMED("input %x: float32[5]", "%a, %b, %c, %y = Split(%x) {num_outputs=4}", "5 elements do not split into 4 pieces");
    MALFORMED("input %x: float32[b,8]", THREE ") {axis=1, num_outputs=2}", "num_outputs is 2 for 3 outputs");
    MALFORMED("input %x: float32[b,8]\nconst %k: int64[3] = {1, 5, 3}", THREE ", %k) {axis=1}", "sizes come to 9, the axis has 8");
    MALFORMED("input %x: float32[b,8]\nconst %k: int64[3] = {-1, 7, 2}", THREE ", %k) {axis=1}", "output 0 has size -1");
    MALFORMED("input %x: float32[b,8]\nconst %k: int64[2] = {4, 4}", THREE ", %k) {axis=1}", "2 sizes for 3 outputs");
    MALFORMED("input %x: float32[b,8]\nconst %k: int64[3] = {4, 2, 2}", THREE ", %k) {axis=1, num_outputs=3}", "both");
    MALFORMED("input %x: float32[]", THREE ")", "axis 0 is out of range for rank 0");
}

QN_TEST(ops_split_contents) {
    SHAPE("input %x: float32[b,c,h,w]", "%s = Shape(%x)\n%q, %y = Split(%s)\noutput %q", "int64[2] = {b, c}; int64[2] = {h, w}");
    SHAPE("const %x: int64[2,2] = {1, 2, 3, 4}", "%q, %y = Split(%x) {axis=1}\noutput %q", "int64[2,1] = {1, 3}; int64[2,1] = {2, 4}");
}
