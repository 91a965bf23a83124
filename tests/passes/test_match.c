#include "ir/text.h"
#include "passes/match.h"
#include "passes/reshape.h"
#include "tests/test.h"

static const char g_text[] = "input %x: float32[batch,3,8]\n"
                             "const %half: float32[1,1] = {0.5}\n"
                             "const %row: float32[3,1] = positive(1)\n"
                             "const %ones: float32[2,2] = {1, 1, 1, 1}\n"
                             "const %ints: int64[3] = {-1, 2, 7}\n"
                             "const %axes: int64[2] = {0, -1}\n"
                             "%a = Relu(%x)\n"
                             "%b = Mul(%half, %a)\n"
                             "%c = Transpose(%b)\n"
                             "%d = Add(%b, %b)\n"
                             "%e = ReduceSum(%d, %axes)\n"
                             "%f = ReduceSum(%d)\n"
                             "output %c\n"
                             "output %e\n"
                             "output %f\n";

static qn_graph *parse(qn_context *ctx, const char *text) {
    qn_graph *graph = NULL;
    ASSERT_OK(ctx, qn_graph_parse(ctx, text, &graph));
    ASSERT_OK(ctx, qn_infer_graph(ctx, graph));
    return graph;
}

QN_TEST(passes_match_nodes) {
    qn_context *ctx = qn_test_context();
    qn_graph *g = parse(ctx, g_text);
    qn_value *a = qn_graph_find(g, "a"), *b = qn_graph_find(g, "b"), *half = qn_graph_find(g, "half"), *other = NULL;
    qn_node *mul = qn_match_made_by(b, QN_OP_Mul);
    assert_non_null(mul);
    assert_null(qn_match_made_by(b, QN_OP_Add));
    assert_null(qn_match_made_by(NULL, QN_OP_Add));
    assert_true(qn_match_private(a));
    assert_false(qn_match_private(b));
    assert_false(qn_match_private(qn_graph_find(g, "c"))); /* a graph output */
    assert_null(qn_match_only(b, QN_OP_Mul));
    assert_ptr_equal(qn_match_reader(a, QN_OP_Mul), mul);
    assert_null(qn_match_reader(a, QN_OP_Add));
    assert_ptr_equal(qn_match_reader(a, QN_OP_NONE), mul);
    assert_ptr_equal(qn_match_other(mul, a), half);
    assert_ptr_equal(qn_match_other(mul, half), a);
    assert_null(qn_match_other(mul, b));
    assert_ptr_equal(qn_match_operand(mul, QN_OP_Relu, &other), a->producer);
    assert_ptr_equal(other, half);
    assert_int_equal(qn_match_constant_operand(mul), 0);
    assert_int_equal(qn_match_constant_operand(qn_graph_find(g, "d")->producer), -1);
    qn_graph_destroy(g);
    qn_context_destroy(ctx);
}

QN_TEST(passes_match_constants) {
    qn_context *ctx = qn_test_context();
    qn_graph *g = parse(ctx, g_text);
    const qn_value *half = qn_graph_find(g, "half"), *row = qn_graph_find(g, "row"), *ones = qn_graph_find(g, "ones");
    double x;
    int64_t v[3], n;
    assert_true(qn_match_scalar(half, &x) && x >= 0.5 && x <= 0.5);
    assert_true(qn_match_scalar_is(half, 0.5, 0));
    assert_true(qn_match_scalar_is(half, 0.5001, 1e-3));
    assert_false(qn_match_scalar_is(half, 0.51, 1e-3));
    assert_false(qn_match_scalar(row, &x));
    assert_true(qn_match_all(ones, 1));
    assert_false(qn_match_all(ones, 2));
    assert_true(qn_match_vector(row, 2, 3));
    assert_false(qn_match_vector(row, 1, 3));
    assert_false(qn_match_vector(row, 2, 4));
    assert_true(qn_match_vector(half, 1, 1));
    assert_false(qn_match_vector(qn_graph_find(g, "x"), 1, 8));
    assert_true(qn_match_ints(qn_graph_find(g, "ints"), v, 3, &n));
    assert_int_equal(n, 3);
    assert_int_equal(v[0], -1);
    assert_int_equal(v[2], 7);
    assert_false(qn_match_ints(qn_graph_find(g, "ints"), v, 2, &n)); /* no room */
    assert_false(qn_match_ints(ones, v, 3, &n));
    qn_graph_destroy(g);
    qn_context_destroy(ctx);
}

QN_TEST(passes_match_axes) {
    qn_context *ctx = qn_test_context();
    qn_graph *g = parse(ctx, g_text);
    int32_t perm[QN_MAX_RANK], rank, axis;
    uint32_t mask;
    assert_true(qn_match_perm(qn_graph_find(g, "c")->producer, perm, &rank)); /* the default reverses */
    assert_int_equal(rank, 3);
    assert_int_equal(perm[0], 2);
    assert_int_equal(perm[2], 0);
    assert_true(qn_match_axes(qn_graph_find(g, "e")->producer, 3, &mask));
    assert_int_equal(mask, 5);
    assert_true(qn_match_axes(qn_graph_find(g, "f")->producer, 3, &mask));
    assert_int_equal(mask, 7);
    assert_true(qn_match_axis(-1, 3, &axis));
    assert_int_equal(axis, 2);
    assert_false(qn_match_axis(3, 3, &axis));
    assert_false(qn_match_axis(-4, 3, &axis));
    assert_int_equal(qn_match_dim(qn_graph_find(g, "x"), -1), 8);
    assert_true(qn_match_dim(qn_graph_find(g, "x"), 3) == QN_DIM_UNKNOWN);
    assert_true(qn_match_same_type(qn_graph_find(g, "x"), qn_graph_find(g, "d")));
    assert_false(qn_match_same_shape(qn_graph_find(g, "x"), qn_graph_find(g, "c")));
    qn_graph_destroy(g);
    qn_context_destroy(ctx);
}

/* from -> to by a constant: the numbers, or that there is none. */
static void check_target(const char *from, const char *to, const int64_t *want) {
    qn_context *ctx = qn_test_context();
    qn_arena *arena = qn_arena_create();
    qn_graph *g = parse(ctx, qn_arena_printf(arena, "input %%a: float32[%s]\ninput %%b: float32[%s]\n"
                                                    "%%y = Relu(%%a)\noutput %%y\n", from, to));
    int64_t target[QN_MAX_RANK];
    const qn_type *type = &g->inputs[1].value->type;
    assert_int_equal(qn_reshape_target(&g->inputs[0].value->type, type, target), want != NULL);
    for (int32_t i = 0; want && i < type->rank; i++)
        assert_int_equal(target[i], want[i]);
    qn_graph_destroy(g);
    qn_arena_destroy(arena);
    qn_context_destroy(ctx);
}

QN_TEST(passes_reshape_target) {
    check_target("6,4", "24", (const int64_t[]){24});
    check_target("n,12", "n,3,4", (const int64_t[]){-1, 3, 4});
    check_target("n,m,12", "n,m,3,4", (const int64_t[]){0, 0, 3, 4});
    check_target("n,m,12", "n,12*m", (const int64_t[]){0, -1});
    check_target("n,m,12", "n*m,12", (const int64_t[]){-1, 12});
    check_target("n,m,12", "m,n,12", NULL); /* two dimensions, neither in its place */
    check_target("n,0", "0,n", NULL);       /* a 0 would be read as "copy" */
}
