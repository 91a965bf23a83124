#include "tests/ops/shape_case.h"

#include "ir/text.h"
#include "ops/infer.h"

QN_TEST(ops_infer_graph_declared) {
    /* a declared number that inference contradicts is refused; one that it cannot tell is kept */
    MALFORMED("input %x: float32[b,3]", "%y: float32[b,4] = Relu(%x)", "dimension 1 of 'y' is declared 4, but is 3");
    MALFORMED("input %x: float32[b,3]", "%y: float32[b,3,1] = Relu(%x)", "'y' is declared with rank 3, but has rank 2");
    MALFORMED("input %x: float32[b,3]", "%y: int64[b,3] = Relu(%x)", "'y' is declared int64, but is float32");
    SHAPE("input %x: float32[b,3]", "%y: float32[1,3] = Relu(%x)", "float32[b,3]");
    SHAPE("input %x: float32[b,3]", "%y: float32[other,3] = Relu(%x)", "float32[b,3]");
    SHAPE("input %x: float32[b,3]\ninput %k: int64[2]", "%y: float32[5,tokens] = Reshape(%x, %k)", "float32[5,tokens]");
    SHAPE("input %x: float32[b,3]\ninput %k: int64[n]", "%y: float32[5,tokens] = Reshape(%x, %k)", "float32[5,tokens]");
    /* an input's name for a size that cannot be told is not believed */
    SHAPE("input %x: float32[b,3]\ninput %k: int64[2]", "%y: float32[b,3] = Reshape(%x, %k)", "float32[y_0,3]");
}

QN_TEST(ops_infer_graph_fresh_names) {
    SHAPE("input %x: float32[6]\ninput %k: int64[2]", "%\"/blocks.0/x:1\" = Reshape(%x, %k)\n%y = Relu(%\"/blocks.0/x:1\")",
          "float32[blocks_0_x_1_0,blocks_0_x_1_1]");
    SHAPE("input %x: float32[6]\ninput %k: int64[2]", "%\"12\" = Reshape(%x, %k)\n%y = Relu(%\"12\")", "float32[d12_0,d12_1]");
    SHAPE("input %x: float32[6]\ninput %k: int64[2]",
          "%\"a/very/long/name/that/goes/on/and/on/for/more/than/forty/characters\" = Reshape(%x, %k)\n"
          "%y = Relu(%\"a/very/long/name/that/goes/on/and/on/for/more/than/forty/characters\")",
          "float32[and_on_for_more_than_forty_characters_0,and_on_for_more_than_forty_characters_1]");
}

#define BRANCHES(THEN, ELSE) "%y = If(%c) {then_branch={\n" THEN "\noutput %t\n}, else_branch={\n" ELSE "\noutput %e\n}}"
#define C "input %c: bool[]\ninput %x: float32[b,3]\ninput %z: float32[1,3]\n"

QN_TEST(ops_infer_graph_if_merges) {
    SHAPE(C, BRANCHES("%t = Relu(%x)", "%e = Neg(%x)"), "float32[b,3]");
    SHAPE(C, BRANCHES("%t = Relu(%x)", "%e = Relu(%z)"), "float32[y_0,3]");
    SHAPE(C, BRANCHES("%t = Relu(%x)", "%e = ReduceSum(%x) {keepdims=0}"), "float32[...]");
    SHAPE(C, BRANCHES("%t = Shape(%x)", "%e = Shape(%z)"), "int64[2] = {?, 3}");
    MALFORMED(C, BRANCHES("%t = Relu(%x)", "%e = Shape(%x)"), "output 0 is float32 in one branch and int64 in the other");
    MALFORMED("input %c: bool[2]\ninput %x: float32[b]", BRANCHES("%t = Relu(%x)", "%e = Neg(%x)"), "has a condition with dimension 0 of 2");
    MALFORMED(C "input %d: float32[]", "%y = If(%d) {then_branch={\noutput %x\n}, else_branch={\noutput %z\n}}", "must be bool");
    MALFORMED(C, "%y = If(%c) {then_branch={\noutput %x\n}}", "lacks the attribute else_branch");
    MALFORMED(C, "%y = If(%c) {then_branch={\noutput %x\noutput %z\n}, else_branch={\noutput %z\n}}", "then_branch has 2 outputs");
    /* what does not fit in a branch that may be taken is refused */
    MALFORMED(C, BRANCHES("%t = MatMul(%z, %z)", "%e = Relu(%z)"), "inner dimensions differ");
}

QN_TEST(ops_infer_graph_if_known) {
    static const char *const k = "const %c: bool[1] = {1}\ninput %x: float32[b,3]\ninput %z: float32[1,3]";
    SHAPE(k, BRANCHES("%t = Relu(%x)", "%e = ReduceSum(%x) {keepdims=0}"), "float32[b,3]");
    /* ... and in one that is not taken, forgotten */
    SHAPE(k, BRANCHES("%t = Relu(%x)", "%e = MatMul(%z, %z)"), "float32[b,3]");
    /* what PyTorch writes for a squeeze of a dimension that may be 1 */
    SHAPE("input %x: float32[b,1,3]\nconst %one: int64[] = 1\nconst %axes: int64[1] = {1}",
          "%s = Shape(%x)\n%d = Gather(%s, %one)\n%c = Equal(%d, %one)\n"
          BRANCHES("%t = Squeeze(%x, %axes)", "%e = Identity(%x)"), "float32[b,3]");
    SHAPE("input %x: float32[2,b,3]\nconst %zero: int64[] = 0\nconst %one: int64[] = 1\nconst %axes: int64[1] = {0}",
          "%s = Shape(%x)\n%d = Gather(%s, %zero)\n%c = Equal(%d, %one)\n"
          BRANCHES("%t = Squeeze(%x, %axes)", "%e = Identity(%x)"), "float32[2,b,3]");
}

QN_TEST(ops_infer_graph_if_nested) {
    SHAPE("input %c: bool[]\ninput %x: float32[b]",
          "%y = If(%c) {then_branch={\n%t = If(%c) {then_branch={\n%p = Relu(%x)\noutput %p\n}, else_branch={\noutput %x\n}}\noutput %t\n}, "
          "else_branch={\noutput %x\n}}", "float32[b]");
}

/* Shape arithmetic of a transformer's heads, resolved to the end. */
QN_TEST(ops_infer_graph_heads) {
    SHAPE("input %x: float32[b,n,64]\nconst %zero: int64[] = 0\nconst %one: int64[] = 1\nconst %a0: int64[1] = {0}\n"
          "const %h: int64[1] = {4}\nconst %m: int64[1] = {-1}",
          "%s = Shape(%x)\n%b = Gather(%s, %zero)\n%n = Gather(%s, %one)\n%b1 = Unsqueeze(%b, %a0)\n%n1 = Unsqueeze(%n, %a0)\n"
          "%to = Concat(%b1, %n1, %h, %m) {axis=0}\n%r = Reshape(%x, %to)\n%t = Transpose(%r) {perm=[0,2,1,3]}\n"
          "%u = Transpose(%t) {perm=[0,2,1,3]}\n%s2 = Shape(%u)\n%back = Concat(%b1, %n1, %m) {axis=0}\n%y = Reshape(%u, %back)",
          "float32[b,n,64]");
}
