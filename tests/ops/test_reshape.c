#include "tests/ops/shape_case.h"

#define TO(N, ...) "\nconst %k: int64[" #N "] = {" #__VA_ARGS__ "}"

QN_TEST(ops_reshape_numbers) {
    SHAPE("input %x: float32[2,3,4]" TO(2, 6, 4), "%y = Reshape(%x, %k)", "float32[6,4]");
    SHAPE("input %x: float32[2,3,4]" TO(2, -1, 8), "%y = Reshape(%x, %k)", "float32[3,8]");
    SHAPE("input %x: float32[2,3,4]" TO(3, 0, -1, 2), "%y = Reshape(%x, %k)", "float32[2,6,2]");
    SHAPE("input %x: float32[0,3,4]" TO(2, 0, -1), "%y = Reshape(%x, %k)", "float32[0,12]");
    SHAPE("input %x: float32[0,3]" TO(2, 3, 0), "%y = Reshape(%x, %k) {allowzero=1}", "float32[3,0]");
    SHAPE("input %x: float32[1]\nconst %k: int64[0] = {}", "%y = Reshape(%x, %k)", "float32[]");
    SHAPE("input %x: float32[]" TO(1, -1), "%y = Reshape(%x, %k)", "float32[1]");
    SHAPE("input %x: float32[6]\ninput %k: int64[2]", "%y = Reshape(%x, %k)", "float32[y_0,y_1]");
    SHAPE("input %x: float32[6]\ninput %k: int64[n]", "%y = Reshape(%x, %k)", "float32[...]");
}

QN_TEST(ops_reshape_symbols) {
    SHAPE("input %x: float32[b,n,768]" TO(4, 0, 0, 12, 64), "%y = Reshape(%x, %k)", "float32[b,n,12,64]");
    SHAPE("input %x: float32[b,n,768]" TO(4, 0, -1, 12, 64), "%y = Reshape(%x, %k)", "float32[b,n,12,64]");
    SHAPE("input %x: float32[b,n,768]" TO(2, -1, 768), "%y = Reshape(%x, %k)", "float32[b*n,768]");
    SHAPE("input %x: float32[b,c,h,w]" TO(3, 0, 0, -1), "%y = Reshape(%x, %k)", "float32[b,c,h*w]");
    SHAPE("input %x: float32[b,n,768]\ninput %z: float32[b,n]" TO(2, 12, 64),
          "%s = Shape(%z)\n%t = Concat(%s, %k) {axis=0}\n%y = Reshape(%x, %t)", "float32[b,n,12,64]");
    /* one size that is not known follows from the others */
    SHAPE("input %x: float32[b,n,768]\ninput %u: int64[1]" TO(2, 12, 64),
          "%t = Concat(%u, %k) {axis=0}\n%y = Reshape(%x, %t)", "float32[b*n,12,64]");
    /* tokens of a patch grid plus one */
    SHAPE("input %x: float32[b,3,h,w]\nconst %p: float32[8,3,14,14] = random(1)\ninput %cls: float32[b,1,8]" TO(3, 0, 8, -1)
          "\nconst %k2: int64[4] = {0, -1, 2, 4}",
          "%c = Conv(%x, %p) {strides=[14,14]}\n%r = Reshape(%c, %k)\n%t = Transpose(%r) {perm=[0,2,1]}\n"
          "%n = Concat(%cls, %t) {axis=1}\n%y = Reshape(%n, %k2)", "float32[b,(h//14)*(w//14)+1,2,4]");
}

QN_TEST(ops_reshape_refusals) {
    MALFORMED("input %x: float32[2,3]" TO(2, 4, 2), "%y = Reshape(%x, %k)", "reshapes 6 elements to 8");
    MALFORMED("input %x: float32[2,3]" TO(2, 4, -1), "%y = Reshape(%x, %k)", "cannot divide 6 elements by 4");
    MALFORMED("input %x: float32[2,3]" TO(2, -1, -1), "%y = Reshape(%x, %k)", "more than one size of -1");
    MALFORMED("input %x: float32[2,3]" TO(2, -2, 3), "%y = Reshape(%x, %k)", "reshapes to the size -2");
    MALFORMED("input %x: float32[2,3]" TO(3, 2, 3, 0), "%y = Reshape(%x, %k)", "copies dimension 2 of rank 2");
    MALFORMED("input %x: float32[2,3]" TO(2, 0, -1), "%y = Reshape(%x, %k) {allowzero=1}", "a size of 0 and one of -1");
    MALFORMED("input %x: float32[6]" TO(1, 0), "%y = Reshape(%x, %k) {allowzero=1}", "reshapes 6 elements to 0");
    MALFORMED("input %x: float32[6]" TO(2, 4611686018427387904, 4), "%y = Reshape(%x, %k)", "overflows");
    MALFORMED("input %x: float32[6]\nconst %k: int64[1,1] = {6}", "%y = Reshape(%x, %k)", "rank 2, must have rank 1");
    MALFORMED("input %x: float32[6]\nconst %k: float32[1] = {6}", "%y = Reshape(%x, %k)", "int64 or int32");
    UNSUPPORTED("input %x: float32[1]" TO(9, 1, 1, 1, 1, 1, 1, 1, 1, 1), "%y = Reshape(%x, %k)", "rank 9");
}

QN_TEST(ops_reshape_flatten) {
    SHAPE("input %x: float32[b,3,h]", "%y = Flatten(%x)", "float32[b,3*h]");
    SHAPE("input %x: float32[b,3,h]", "%y = Flatten(%x) {axis=0}", "float32[1,3*b*h]");
    SHAPE("input %x: float32[b,3,h]", "%y = Flatten(%x) {axis=3}", "float32[3*b*h,1]");
    SHAPE("input %x: float32[b,3,h]", "%y = Flatten(%x) {axis=-1}", "float32[3*b,h]");
    SHAPE("input %x: float32[...]", "%y = Flatten(%x)", "float32[y_0,y_1]");
    MALFORMED("input %x: float32[b,3,h]", "%y = Flatten(%x) {axis=4}", "axis 4 is out of range");
    MALFORMED("input %x: float32[b,3,h]", "%y = Flatten(%x) {axis=-4}", "axis -4 is out of range");
}

QN_TEST(ops_reshape_contents) {
    SHAPE("input %x: float32[b,h]" TO(2, 2, 1), "%s = Shape(%x)\n%y = Reshape(%s, %k)", "int64[2,1] = {b, h}");
    SHAPE("input %x: float32[b,h]", "%s = Shape(%x)\n%y = Flatten(%s) {axis=0}", "int64[1,2] = {b, h}");
}
