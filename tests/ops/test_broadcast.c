#include "tests/ops/shape_case.h"

QN_TEST(ops_broadcast_shapes) {
    SHAPE("input %a: float32[b,1,4]\ninput %c: float32[3,1]", "%y = Add(%a, %c)", "float32[b,3,4]");
    SHAPE("input %a: float32[b,3]\ninput %c: float32[]", "%y = Mul(%a, %c)", "float32[b,3]");
    SHAPE("input %a: float32[b,s]\ninput %c: float32[b,s]", "%y = Sub(%a, %c)", "float32[b,s]");
    SHAPE("input %a: float32[b,s]\ninput %c: float32[1,7]", "%y = Div(%a, %c)", "float32[b,7]");
    SHAPE("input %a: float32[0,3]\ninput %c: float32[1,3]", "%y = Add(%a, %c)", "float32[0,3]");
    SHAPE("input %a: float32[...]\ninput %c: float32[1,3]", "%y = Add(%a, %c)", "float32[...]");
    SHAPE("input %a: float32[a]\ninput %c: float32[c]", "%y = Add(%a, %c)", "float32[max(a,c)]");
    SHAPE("input %a: int32[2,1]\ninput %b: int32[1,3]\ninput %c: int32[4,1,1]", "%y = Max(%a, %b, %c)", "int32[4,2,3]");
    SHAPE("input %a: float32[n]", "%y = Min(%a)", "float32[n]");
    SHAPE("input %a: float32[n]\ninput %e: int64[]", "%y = Pow(%a, %e)", "float32[n]");
    SHAPE("input %a: int64[n]\ninput %e: int64[n]", "%y = Mod(%a, %e) {fmod=1}", "int64[n]");
}

QN_TEST(ops_broadcast_refusals) {
    MALFORMED("input %a: float32[2,3]\ninput %c: float32[4]", "%y = Add(%a, %c)", "cannot broadcast 3 against 4");
    MALFORMED("input %a: float32[2]\ninput %c: float32[0]", "%y = Add(%a, %c)", "cannot broadcast 2 against 0");
    MALFORMED("input %a: float32[2]\ninput %c: int64[2]", "%y = Add(%a, %c)", "must be the same");
    MALFORMED("input %a: bool[2]", "%y = Add(%a, %a)", "input 0 is bool");
    MALFORMED("input %a: float32[2]", "%y = Max(%a, _)", "input 1 is missing");
}

QN_TEST(ops_broadcast_where_clip_prelu) {
    SHAPE("input %c: bool[b,1]\ninput %p: float32[3]\ninput %q: float32[]", "%y = Where(%c, %p, %q)", "float32[b,3]");
    MALFORMED("input %c: float32[2]\ninput %p: float32[2]", "%y = Where(%c, %p, %p)", "input 0 is float32, must be bool");
    MALFORMED("input %c: bool[2]\ninput %p: float32[2]\ninput %q: int64[2]", "%y = Where(%c, %p, %q)", "the same");
    SHAPE("input %a: float32[b,3]\nconst %k: float32[] = 6", "%y = Clip(%a, _, %k)", "float32[b,3]");
    MALFORMED("input %a: float32[b,3]\ninput %k: float32[3]", "%y = Clip(%a, %k)", "input 1 has 3 elements, must have 1");
    SHAPE("input %a: float32[b,3,h]\ninput %k: float32[3,1]", "%y = PRelu(%a, %k)", "float32[b,3,h]");
    MALFORMED("input %a: float32[1,3]\ninput %k: float32[2,1]", "%y = PRelu(%a, %k)", "slope: 2 cannot be broadcast to 1");
    MALFORMED("input %a: float32[3]\ninput %k: float32[1,3]", "%y = PRelu(%a, %k)", "slope of rank 2");
}

#define SIZES "input %x: float32[h,w]\nconst %p: int64[2] = {2, 14}\nconst %z: int64[2] = {0, -1}\nconst %e: int64[2] = {2, 3}"

QN_TEST(ops_broadcast_contents) {
    SHAPE(SIZES, "%s = Shape(%x)\n%y = Add(%s, %p)", "int64[2] = {h+2, w+14}");
    SHAPE(SIZES, "%s = Shape(%x)\n%y = Sub(%s, %s)", "int64[2] = {0, 0}");
    SHAPE(SIZES, "%s = Shape(%x)\n%y = Mul(%s, %p)", "int64[2] = {2*h, 14*w}");
    SHAPE(SIZES, "%s = Shape(%x)\n%y = Div(%s, %p)", "int64[2] = {h//2, w//14}");
    SHAPE(SIZES, "%s = Shape(%x)\n%y = Div(%s, %z)", "int64[2] = {?, -w}");
    SHAPE(SIZES, "%s = Shape(%x)\n%m = Mul(%s, %p)\n%y = Mod(%m, %p)", "int64[2] = {0, 0}");
    SHAPE(SIZES, "%s = Shape(%x)\n%y = Max(%s, %z)", "int64[2] = {h, w}");
    SHAPE(SIZES, "%s = Shape(%x)\n%y = Min(%s, %z, %p)", "int64[2] = {0, -1}");
    SHAPE(SIZES, "%s = Shape(%x)\n%y = Pow(%s, %e)", "int64[2] = {h*h, w*w*w}");
    SHAPE(SIZES, "%s = Shape(%x)\n%y = Clip(%s)", "int64[2] = {h, w}");
    /* a negative dividend is divided towards zero: not a floor, and not told when the sign is not */
    SHAPE("const %a: int64[4] = {-7, 7, -7, -8}\nconst %b: int64[4] = {2, -2, -2, 2}", "%y = Div(%a, %b)",
          "int64[4] = {-3, -3, 3, -4}");
    SHAPE(SIZES, "%s = Shape(%x)\n%n = Sub(%z, %s)\n%y = Div(%n, %p)", "int64[2]");
    SHAPE("const %a: int64[4] = {-7, 7, -7, 5}\nconst %b: int64[4] = {3, -3, -3, 0}", "%y = Mod(%a, %b)",
          "int64[4] = {2, -2, -1, ?}");
    SHAPE("const %a: int64[3] = {-7, 7, -7}\nconst %b: int64[3] = {3, -3, -3}", "%y = Mod(%a, %b) {fmod=1}",
          "int64[3] = {-1, 1, -1}");
    /* floats hold whole numbers only */
    SHAPE("const %a: float32[2] = {7, 8}\nconst %b: float32[] = 2", "%y = Div(%a, %b)", "float32[2] = {?, 4}");
    SHAPE("const %a: int32[] = 2147483647\nconst %b: int32[2] = {0, 1}", "%y = Add(%a, %b)",
          "int32[2] = {2147483647, ?}");
    SHAPE("const %a: int64[2,1] = {1, 2}\nconst %b: int64[1,3] = {10, 20, 30}", "%y = Add(%a, %b)",
          "int64[2,3] = {11, 21, 31, 12, 22, 32}");
}

/* What PyTorch writes for expand(-1, ...): Where(shape == -1, ones, shape). */
QN_TEST(ops_broadcast_expand_pattern) {
    SHAPE("input %x: float32[b,1,c]\nconst %m: int64[3] = {-1, 4, -1}\nconst %one: int64[1] = {3}\nconst %minus: int64[] = -1",
          "%ones = ConstantOfShape(%one) {value=int64[1]{1}}\n%e = Equal(%m, %minus)\n%t = Where(%e, %ones, %m)\n"
          "%y = Expand(%x, %t)", "float32[b,4,c]");
    SHAPE("input %x: float32[1,1,c]\ninput %z: float32[b,n]\nconst %k: int64[1] = {-1}\nconst %minus: int64[] = -1\n"
          "const %one: int64[1] = {3}",
          "%s = Shape(%z)\n%t = Concat(%s, %k) {axis=0}\n%ones = ConstantOfShape(%one) {value=int64[1]{1}}\n"
          "%e = Equal(%t, %minus)\n%w = Where(%e, %ones, %t)\n%y = Expand(%x, %w)", "float32[b,n,c]");
}
