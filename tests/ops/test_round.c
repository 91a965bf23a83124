#include "tests/ops/shape_case.h"

#include "ir/text.h"
#include "ops/infer.h"

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

/* A node with a table of symbols that is not its graph's (as constants are evaluated) sees nothing of what the graph
 * knows in its own. */
QN_TEST(ops_round_other_symbols) {
    qn_context *ctx = qn_test_context();
    qn_graph *graph;
    ASSERT_OK(ctx, qn_graph_parse(ctx, HW "\nconst %k: int64[] = 0\nconst %d: float32[] = 14\n" HEIGHT
                                  "%q = Div(%f, %d)\n%y = Floor(%q)\noutput %y", &graph));
    ASSERT_OK(ctx, qn_infer_graph(ctx, graph));
    assert_non_null(graph->last->out[0]->content);
    qn_arena *arena = qn_arena_create();
    qn_type in = {.dtype = QN_F32, .rank = 0}, out;
    qn_content in_content = {NULL, 0}, out_content;
    qn_tensor value = {.dtype = QN_NONE};
    qn_infer inf = {.ctx = ctx, .symbols = qn_symbols_create(arena), .node = graph->last, .arena = arena, .n_in = 1,
                    .n_out = 1, .in = &in, .in_content = &in_content, .in_value = &value, .out = &out,
                    .out_content = &out_content};
    ASSERT_OK(ctx, qn_infer_node(&inf));
    assert_int_equal(out.rank, 0);
    assert_null(out_content.elems);
    qn_arena_destroy(arena);
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}
