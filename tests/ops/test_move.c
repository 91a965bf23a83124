/* Transpose, Gather, Expand, Tile, Pad, ScatterND. */
#include "tests/ops/shape_case.h"

QN_TEST(ops_transpose) {
    SHAPE("input %x: float32[b,3,h,w]", "%y = Transpose(%x) {perm=[0,2,3,1]}", "float32[b,h,w,3]");
    SHAPE("input %x: float32[b,3,h]", "%y = Transpose(%x)", "float32[h,3,b]");
    SHAPE("input %x: float32[...]", "%y = Transpose(%x) {perm=[1,0]}", "float32[...]");
    SHAPE("const %x: int64[2,3] = {1, 2, 3, 4, 5, 6}", "%y = Transpose(%x)", "int64[3,2] = {1, 4, 2, 5, 3, 6}");
    MALFORMED("input %x: float32[b,3]", "%y = Transpose(%x) {perm=[0]}", "perm has 1 axes for rank 2");
    MALFORMED("input %x: float32[b,3]", "%y = Transpose(%x) {perm=[1,1]}", "perm has axis 1 twice");
    MALFORMED("input %x: float32[b,3]", "%y = Transpose(%x) {perm=[0,2]}", "axis 2 is out of range");
}

QN_TEST(ops_gather) {
    SHAPE("input %x: float32[b,3,h]\ninput %i: int64[n,2]", "%y = Gather(%x, %i) {axis=1}", "float32[b,n,2,h]");
    SHAPE("input %x: float32[v,c]\ninput %i: int32[b,s]", "%y = Gather(%x, %i)", "float32[b,s,c]");
    SHAPE("input %x: float32[b,3]\nconst %i: int64[] = -1", "%y = Gather(%x, %i) {axis=-1}", "float32[b]");
    SHAPE("input %x: float32[b,3,h]\nconst %i: int64[2] = {2, -3}", "%s = Shape(%x)\n%y = Gather(%s, %i)", "int64[2] = {h, b}");
    SHAPE("const %x: int64[2,2] = {1, 2, 3, 4}\nconst %i: int64[3] = {1, 0, 1}", "%y = Gather(%x, %i) {axis=1}",
          "int64[2,3] = {2, 1, 2, 4, 3, 4}");
    MALFORMED("input %x: float32[b,3]\nconst %i: int64[] = 3", "%y = Gather(%x, %i) {axis=1}", "index 3 is out of range for 3");
    MALFORMED("input %x: float32[b,3]\nconst %i: int64[] = -4", "%y = Gather(%x, %i) {axis=1}", "index -4 is out of range");
    MALFORMED("input %x: float32[b,3]\ninput %i: float32[2]", "%y = Gather(%x, %i)", "int64 or int32");
    MALFORMED("input %x: float32[]\ninput %i: int64[2]", "%y = Gather(%x, %i)", "axis 0 is out of range for rank 0");
    UNSUPPORTED("input %x: float32[1,1,1,1,1]\ninput %i: int64[1,1,1,1,1]", "%y = Gather(%x, %i)", "rank 9");
}

QN_TEST(ops_expand) {
    SHAPE("input %x: float32[1,3]\nconst %k: int64[3] = {2, 4, 1}", "%y = Expand(%x, %k)", "float32[2,4,3]");
    SHAPE("input %x: float32[1,3]\ninput %z: float32[b,n]\nconst %k: int64[1] = {1}",
          "%s = Shape(%z)\n%t = Concat(%s, %k) {axis=0}\n%y = Expand(%x, %t)", "float32[b,n,3]");
    SHAPE("input %x: float32[1,3]\ninput %k: int64[2]", "%y = Expand(%x, %k)", "float32[y_0,3]");
    SHAPE("input %x: float32[1,3]\ninput %k: int64[n]", "%y = Expand(%x, %k)", "float32[...]");
    SHAPE("const %x: int64[2,1] = {5, 6}\nconst %k: int64[2] = {1, 2}", "%y = Expand(%x, %k)", "int64[2,2] = {5, 5, 6, 6}");
    SHAPE("input %x: float32[1]\nconst %k: int64[1] = {0}", "%y = Expand(%x, %k)", "float32[0]");
    MALFORMED("input %x: float32[2,3]\nconst %k: int64[1] = {4}", "%y = Expand(%x, %k)", "cannot broadcast 3 against 4");
    MALFORMED("input %x: float32[1]\nconst %k: int64[1] = {-1}", "%y = Expand(%x, %k)", "expands to the size -1");
    MALFORMED("input %x: float32[1]\nconst %k: int64[2] = {4611686018427387904, 4}", "%y = Expand(%x, %k)", "too many elements");
}

QN_TEST(ops_tile) {
    SHAPE("input %x: float32[b,3]\nconst %k: int64[2] = {2, 3}", "%y = Tile(%x, %k)", "float32[2*b,9]");
    SHAPE("input %x: float32[b,3]\ninput %k: int64[2]", "%y = Tile(%x, %k)", "float32[y_0,y_1]");
    SHAPE("input %x: float32[1,3]\ninput %z: float32[n]\nconst %one: int64[1] = {1}",
          "%s = Shape(%z)\n%t = Concat(%s, %one) {axis=0}\n%y = Tile(%x, %t)", "float32[n,3]");
    MALFORMED("input %x: float32[b,3]\nconst %k: int64[1] = {2}", "%y = Tile(%x, %k)", "input 1 has 1 elements, must have 2");
    MALFORMED("input %x: float32[b,3]\nconst %k: int64[2] = {2, -1}", "%y = Tile(%x, %k)", "repeats axis 1 -1 times");
    MALFORMED("input %x: float32[3]\nconst %k: int64[1] = {4611686018427387904}", "%y = Tile(%x, %k)", "overflows");
}

QN_TEST(ops_pad) {
    SHAPE("input %x: float32[b,h]\nconst %k: int64[4] = {0, 1, 0, 2}", "%y = Pad(%x, %k)", "float32[b,h+3]");
    SHAPE("input %x: float32[b,h]\nconst %k: int64[4] = {0, -1, 0, 1}", "%y = Pad(%x, %k)", "float32[b,h]");
    SHAPE("input %x: float32[b,h]\nconst %k: int64[2] = {3, 4}\nconst %a: int64[1] = {-1}", "%y = Pad(%x, %k, _, %a) {mode=\"edge\"}",
          "float32[b,h+7]");
    SHAPE("input %x: float32[2,3]\ninput %k: int64[4]", "%y = Pad(%x, %k)", "float32[y_0,y_1]");
    MALFORMED("input %x: float32[b,h]\nconst %k: int64[3] = {0, 1, 0}", "%y = Pad(%x, %k)", "has 3 pads for 2 axes");
    MALFORMED("input %x: float32[2]\nconst %k: int64[2] = {-2, -1}", "%y = Pad(%x, %k)", "comes to -1");
    MALFORMED("input %x: float32[2]\nconst %k: int64[2] = {1, 1}", "%y = Pad(%x, %k) {mode=\"mirror\"}", "mode 'mirror'");
    MALFORMED("input %x: float32[0]\nconst %k: int64[2] = {1, 1}", "%y = Pad(%x, %k) {mode=\"reflect\"}", "nothing to reflect");
    MALFORMED("input %x: float32[2]\nconst %k: int64[2] = {9223372036854775807, 1}", "%y = Pad(%x, %k)", "overflows");
    MALFORMED("input %x: float32[2]\nconst %k: int64[2] = {1, 1}\ninput %v: int64[]", "%y = Pad(%x, %k, %v)", "the same");
    MALFORMED("input %x: float32[2]\nconst %k: int64[2] = {1, 1}\ninput %v: float32[0]", "%y = Pad(%x, %k, %v)", "0 elements, must have 1");
}

/* Pads as PyTorch writes them: reversed pairs, turned round by Reshape, Slice and Transpose. */
QN_TEST(ops_pad_pattern) {
    SHAPE("input %x: float32[b,c,h,w]\nconst %k: int64[4] = {1, 2, 3, 4}\nconst %four: int64[1] = {4}\n"
          "const %two: int64[2] = {-1, 2}\nconst %from: int64[1] = {-1}\nconst %to: int64[1] = {-9223372036854775807}\n"
          "const %a: int64[1] = {0}\nconst %flat: int64[1] = {-1}",
          "%z = ConstantOfShape(%four) {value=int64[1]{0}}\n%c = Concat(%k, %z) {axis=0}\n%r = Reshape(%c, %two)\n"
          "%s = Slice(%r, %from, %to, %a, %from)\n%t = Transpose(%s) {perm=[1,0]}\n%p = Reshape(%t, %flat)\n"
          "%q = Cast(%p) {to=7}\n%y = Pad(%x, %q)", "float32[b,c,h+7,w+3]");
}

QN_TEST(ops_scatter_nd) {
    SHAPE("input %x: float32[b,3,h]\ninput %i: int64[n,2]\ninput %u: float32[n,h]", "%y = ScatterND(%x, %i, %u)", "float32[b,3,h]");
    MALFORMED("input %x: float32[b,3]\ninput %i: int64[n,3]\ninput %u: float32[n]", "%y = ScatterND(%x, %i, %u)", "indices of length 3");
    MALFORMED("input %x: float32[b,3]\ninput %i: int64[4,1]\ninput %u: float32[5,3]", "%y = ScatterND(%x, %i, %u)", "updates do not fit");
    MALFORMED("input %x: float32[b,3]\ninput %i: int64[4,1]\ninput %u: float32[4]", "%y = ScatterND(%x, %i, %u)", "rank 1");
    MALFORMED("input %x: float32[b,3]\ninput %i: int32[4,1]\ninput %u: float32[4,3]", "%y = ScatterND(%x, %i, %u)", "must be int64");
    MALFORMED("input %x: float32[b,3]\ninput %i: int64[4,1]\ninput %u: float32[4,3]", "%y = ScatterND(%x, %i, %u) {reduction=\"avg\"}", "'avg'");
}
