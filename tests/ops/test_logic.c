#include "tests/ops/shape_case.h"

QN_TEST(ops_logic_types) {
    SHAPE("input %a: float32[b,3]\ninput %c: float32[3]", "%y = Equal(%a, %c)", "bool[b,3]");
    SHAPE("input %a: int32[b,3]\ninput %c: int32[1]", "%y = Less(%a, %c)", "bool[b,3]");
    SHAPE("input %a: bool[b,3]\ninput %c: bool[b,1]", "%y = And(%a, %c)", "bool[b,3]");
    MALFORMED("input %a: float32[2]", "%y = Or(%a, %a)", "must be bool");
    MALFORMED("input %a: bool[2]", "%y = Greater(%a, %a)", "input 0 is bool");
    MALFORMED("input %a: float32[2]\ninput %c: float32[3]", "%y = GreaterOrEqual(%a, %c)", "cannot broadcast");
    MALFORMED("input %a: float32[2]\ninput %c: float64[2]", "%y = Equal(%a, %c)", "the same");
}

#define K "const %a: int64[3] = {1, 2, 3}\nconst %b: int64[] = 2\ninput %x: float32[n]\n"

QN_TEST(ops_logic_contents) {
    SHAPE(K, "%y = Equal(%a, %b)", "bool[3] = {0, 1, 0}");
    SHAPE(K, "%y = Less(%a, %b)", "bool[3] = {1, 0, 0}");
    SHAPE(K, "%y = LessOrEqual(%a, %b)", "bool[3] = {1, 1, 0}");
    SHAPE(K, "%y = Greater(%a, %b)", "bool[3] = {0, 0, 1}");
    SHAPE(K, "%y = GreaterOrEqual(%a, %b)", "bool[3] = {0, 1, 1}");
    SHAPE(K "const %m: int64[] = -1", "%s = Shape(%x)\n%y = Equal(%s, %m)", "bool[1] = {0}");
    SHAPE(K, "%s = Shape(%x)\n%y = Equal(%s, %b)", "bool[1]");
    SHAPE(K, "%s = Shape(%x)\n%t = Add(%s, %b)\n%y = Equal(%s, %t)", "bool[1] = {0}");
    SHAPE(K, "%s = Shape(%x)\n%t = Add(%s, %b)\n%y = Less(%s, %t)", "bool[1] = {1}");
    SHAPE(K, "%s = Shape(%x)\n%y = Equal(%s, %s)", "bool[1] = {1}");
    SHAPE(K "const %z: int64[] = 0", "%s = Shape(%x)\n%y = Less(%s, %z)", "bool[1] = {0}");
    SHAPE("const %p: bool[4] = {0, 0, 1, 1}\nconst %q: bool[4] = {0, 1, 0, 1}", "%y = Xor(%p, %q)",
          "bool[4] = {0, 1, 1, 0}");
    SHAPE("const %p: bool[4] = {0, 0, 1, 1}\nconst %q: bool[4] = {0, 1, 0, 1}", "%y = Or(%p, %q)",
          "bool[4] = {0, 1, 1, 1}");
    SHAPE("const %p: bool[1] = {0}\ninput %q: bool[1]", "%y = And(%p, %q)", "bool[1] = {0}");
}
