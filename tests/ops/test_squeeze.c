#include "tests/ops/shape_case.h"

QN_TEST(ops_squeeze_shapes) {
    SHAPE("input %x: float32[1,b,1]\nconst %a: int64[1] = {0}", "%y = Squeeze(%x, %a)", "float32[b,1]");
    SHAPE("input %x: float32[1,b,1]\nconst %a: int64[2] = {-1, 0}", "%y = Squeeze(%x, %a)", "float32[b]");
    SHAPE("input %x: float32[1,5,1]", "%y = Squeeze(%x)", "float32[5]");
    SHAPE("input %x: float32[1,b,1]", "%y = Squeeze(%x)", "float32[...]");
    SHAPE("input %x: float32[1,b,1]\ninput %a: int64[1]", "%y = Squeeze(%x, %a)", "float32[y_0,y_1]");
    SHAPE("input %x: float32[b,n]\nconst %a: int64[1] = {1}", "%y = Squeeze(%x, %a)", "float32[b]");
    MALFORMED("input %x: float32[2,b]\nconst %a: int64[1] = {0}", "%y = Squeeze(%x, %a)", "squeezes axis 0 of size 2");
    MALFORMED("input %x: float32[1,b]\nconst %a: int64[1] = {2}", "%y = Squeeze(%x, %a)", "axis 2 is out of range");
    MALFORMED("input %x: float32[1,b]\nconst %a: int64[2] = {0, -2}", "%y = Squeeze(%x, %a)", "given twice");
}

QN_TEST(ops_squeeze_unsqueeze_shapes) {
    SHAPE("input %x: float32[b,3]\nconst %a: int64[2] = {0, -1}", "%y = Unsqueeze(%x, %a)", "float32[1,b,3,1]");
    SHAPE("input %x: float32[]\nconst %a: int64[1] = {0}", "%y = Unsqueeze(%x, %a)", "float32[1]");
    SHAPE("input %x: float32[b]\ninput %a: int64[2]", "%y = Unsqueeze(%x, %a)", "float32[y_0,y_1,y_2]");
    SHAPE("input %x: float32[b]\ninput %a: int64[n]", "%y = Unsqueeze(%x, %a)", "float32[...]");
    MALFORMED("input %x: float32[b]\nconst %a: int64[1] = {2}", "%y = Unsqueeze(%x, %a)", "axis 2 is out of range for rank 2");
    MALFORMED("input %x: float32[b]\nconst %a: int64[2] = {1, 1}", "%y = Unsqueeze(%x, %a)", "given twice");
    UNSUPPORTED("input %x: float32[1,1,1,1,1,1,1,1]\nconst %a: int64[1] = {0}", "%y = Unsqueeze(%x, %a)", "rank 9");
}

QN_TEST(ops_squeeze_contents) {
    SHAPE("input %x: float32[b,h]\nconst %k: int64[] = 1\nconst %a: int64[1] = {0}",
          "%s = Shape(%x)\n%g = Gather(%s, %k)\n%y = Unsqueeze(%g, %a)", "int64[1] = {h}");
    SHAPE("input %x: float32[b,h]\nconst %k: int64[1] = {1}\nconst %a: int64[1] = {0}",
          "%s = Shape(%x)\n%g = Gather(%s, %k)\n%y = Squeeze(%g, %a)", "int64[] = {h}");
}
