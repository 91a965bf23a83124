#include "tests/ops/shape_case.h"

/* one axis: start, end, axis, step */
#define BY(START, END, AXIS, STEP) \
    "\nconst %s: int64[1] = {" #START "}\nconst %e: int64[1] = {" #END "}\nconst %a: int64[1] = {" #AXIS "}\nconst %t: int64[1] = {" #STEP "}"
#define SLICE "%y = Slice(%x, %s, %e, %a, %t)"

QN_TEST(ops_slice_numbers) {
    SHAPE("input %x: float32[5,10]" BY(1, 4, 1, 1), SLICE, "float32[5,3]");
    SHAPE("input %x: float32[5,10]" BY(0, 10, 1, 3), SLICE, "float32[5,4]");
    SHAPE("input %x: float32[5,10]" BY(-3, 9223372036854775807, -1, 1), SLICE, "float32[5,3]");
    SHAPE("input %x: float32[5,10]" BY(20, 30, 1, 1), SLICE, "float32[5,0]");
    SHAPE("input %x: float32[5,10]" BY(4, 2, 1, 1), SLICE, "float32[5,0]");
    SHAPE("input %x: float32[5,10]" BY(-1, -9223372036854775808, 1, -1), SLICE, "float32[5,10]");
    SHAPE("input %x: float32[5,10]" BY(9223372036854775807, -9223372036854775808, 1, -3), SLICE, "float32[5,4]");
    SHAPE("input %x: float32[5,10]" BY(8, 2, 1, -2), SLICE, "float32[5,3]");
    SHAPE("input %x: float32[5,10]" BY(0, 9, 1, 9223372036854775807), SLICE, "float32[5,1]");
    SHAPE("input %x: float32[5,10]" BY(9, 0, 1, -9223372036854775808), SLICE, "float32[5,1]");
    SHAPE("input %x: float32[5,0]" BY(-1, -9223372036854775808, 1, -1), SLICE, "float32[5,0]");
    SHAPE("input %x: float32[5,10]\nconst %s: int32[2] = {1, 2}\nconst %e: int32[2] = {3, -2}", "%y = Slice(%x, %s, %e)",
          "float32[2,6]");
}

QN_TEST(ops_slice_symbols) {
    SHAPE("input %x: float32[b,n]" BY(0, 9223372036854775807, 1, 1), SLICE, "float32[b,n]");
    SHAPE("input %x: float32[b,n]" BY(1, 9223372036854775807, 1, 1), SLICE, "float32[b,max(n-1,0)]");
    SHAPE("input %x: float32[b,n]" BY(0, -1, 1, 1), SLICE, "float32[b,max(n-1,0)]");
    SHAPE("input %x: float32[b,n]" BY(0, 1, 1, 1), SLICE, "float32[b,min(n,1)]");
    SHAPE("input %x: float32[b,n]" BY(-2, 9223372036854775807, 1, 1), SLICE, "float32[b,min(n,2)]");
    SHAPE("input %x: float32[b,n]" BY(0, 2147483647, 1, 2), SLICE, "float32[b,(n+1)//2]");
    SHAPE("input %x: float32[b,n]" BY(-1, -9223372036854775807, 1, -1), SLICE, "float32[b,n]");
    SHAPE("input %x: float32[b,n]" BY(2147483647, -9223372036854775808, 1, -2), SLICE, "float32[b,(n+1)//2]");
    /* the class token and the others */
    SHAPE("input %x: float32[b,n]\ninput %c: float32[b,1]" BY(1, 9223372036854775807, 1, 1),
          "%j = Concat(%c, %x) {axis=1}\n%y = Slice(%j, %s, %e, %a, %t)", "float32[b,n]");
    SHAPE("input %x: float32[b,n]\ninput %c: float32[b,1]" BY(0, 1, 1, 1),
          "%j = Concat(%c, %x) {axis=1}\n%y = Slice(%j, %s, %e, %a, %t)", "float32[b,1]");
    /* a table of positions, as long as the input */
    SHAPE("input %x: float32[b,n]\nconst %p: float32[1,512] = random(1)\nconst %z: int64[1] = {0}\nconst %a: int64[1] = {1}",
          "%h = Shape(%x) {start=1}\n%y = Slice(%p, %z, %h, %a)", "float32[1,min(n,512)]");
    SHAPE("input %x: float32[b,n]\nconst %p: float32[1,512] = random(1)\nconst %z: int64[1] = {0}\nconst %a: int64[1] = {1}",
          "%h = Shape(%x) {start=1}\n%q = Slice(%p, %z, %h, %a)\n%y = Add(%x, %q)", "float32[b,n]");
    /* from `past` on, `n` of them */
    SHAPE("input %k: float32[p]\ninput %x: float32[n]\ninput %m: float32[p + n]\nconst %a: int64[1] = {0}",
          "%s = Shape(%k)\n%l = Shape(%x)\n%e = Add(%s, %l)\n%y = Slice(%m, %s, %e, %a)", "float32[n]");
    SHAPE("input %x: float32[b,n]\ninput %s: int64[1]\ninput %e: int64[1]\nconst %a: int64[1] = {1}",
          "%y = Slice(%x, %s, %e, %a)", "float32[b,y_1]");
    SHAPE("input %x: float32[b,n]" BY(0, 1, 0, 1), "%y = Slice(%x, %s, %e)", "float32[min(b,1),n]");
    SHAPE("input %x: float32[4,n]\ninput %q: int64[1]" BY(0, 1, 0, 1), "%y = Slice(%x, %s, %e, %q)", "float32[y_0,y_1]");
    SHAPE("input %x: float32[4,n]\ninput %q: int64[1]" BY(0, 1, 0, 1), "%y = Slice(%x, %s, %e, %a, %q)", "float32[y_0,n]");
}

QN_TEST(ops_slice_contents) {
    SHAPE("input %x: float32[b,c,h,w]" BY(2, 9223372036854775807, 0, 1), "%h = Shape(%x)\n%y = Slice(%h, %s, %e, %a)",
          "int64[2] = {h, w}");
    SHAPE("input %x: float32[b,c,h,w]" BY(-1, -9223372036854775808, 0, -2), "%h = Shape(%x)\n%y = Slice(%h, %s, %e, %a, %t)",
          "int64[2] = {w, c}");
    SHAPE("const %x: int64[3,2] = {1, 2, 3, 4, 5, 6}" BY(-1, -9223372036854775808, 0, -1), SLICE,
          "int64[3,2] = {5, 6, 3, 4, 1, 2}");
    SHAPE("const %x: int64[3,2] = {1, 2, 3, 4, 5, 6}" BY(1, 2, 1, 1), SLICE, "int64[3,1] = {2, 4, 6}");
    SHAPE("const %x: int64[3] = {1, 2, 3}" BY(3, 3, 0, 1), SLICE, "int64[0] = {}");
    /* sizes for Resize: the last two of another tensor */
    SHAPE("input %x: float32[1,8,h,w]\ninput %z: float32[1,8,p,q]" BY(2, 4, 0, 1) "\nconst %zero: int64[1] = {0}\nconst %two: int64[1] = {2}",
          "%i = Shape(%x)\n%j = Shape(%z)\n%f = Slice(%i, %zero, %two, %a)\n%g = Slice(%j, %s, %e, %a)\n"
          "%k = Concat(%f, %g) {axis=0}\n%y = Resize(%x, _, _, %k)", "float32[1,8,p,q]");
}

QN_TEST(ops_slice_refusals) {
    MALFORMED("input %x: float32[5,10]" BY(0, 1, 2, 1), SLICE, "axis 2 is out of range for rank 2");
    MALFORMED("input %x: float32[5,10]" BY(0, 1, 0, 0), SLICE, "steps by 0");
    MALFORMED("input %x: float32[5,10]\nconst %s: int64[1] = {0}\nconst %e: int64[2] = {1, 2}", "%y = Slice(%x, %s, %e)",
              "1 starts and 2 ends");
    MALFORMED("input %x: float32[5]\nconst %s: int64[2] = {0, 0}", "%y = Slice(%x, %s, %s)", "2 starts and 2 ends for rank 1");
    MALFORMED("input %x: float32[5,5]\nconst %s: int64[2] = {0, 0}\nconst %a: int64[2] = {1, -1}", "%y = Slice(%x, %s, %s, %a)",
              "given twice");
    MALFORMED("input %x: float32[5,5]\nconst %s: int64[2] = {0, 0}\nconst %a: int64[1] = {1}", "%y = Slice(%x, %s, %s, %a)",
              "2 starts, 1 axes");
    MALFORMED("input %x: float32[5]\nconst %s: float32[1] = {0}", "%y = Slice(%x, %s, %s)", "int64 or int32");
}
