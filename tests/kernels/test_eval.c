/* Constants as numbers: expressions, encodings. */
#include "kernels/eval.h"
#include "tests/test.h"

#include "base/half.h"
#include "ir/text.h"

#include <math.h>
#include <stdlib.h>

typedef struct fixture {
    qn_context *ctx;
    qn_graph *graph;
    qn_arena *arena;
} fixture;

/* Every node of the text, taken out of the graph, is the expression of its output. */
static fixture begin(const char *text) {
    fixture f = {qn_test_context(), NULL, qn_arena_create()};
    assert_non_null(f.arena);
    ASSERT_OK(f.ctx, qn_graph_parse(f.ctx, text, &f.graph));
    for (qn_node *node = f.graph->first, *next; node; node = next) {
        next = node->next;
        qn_value *out = node->out[0];
        qn_const *c = qn_arena_alloc(f.graph->arena, sizeof *c);
        assert_non_null(c);
        c->dtype = out->type.dtype;
        c->rank = out->type.rank;
        memcpy(c->dims, out->type.dims, sizeof c->dims);
        c->axis = -1;
        c->expr = node;
        c->name = out->name;
        out->constant = c;
    }
    return f;
}

static void end(fixture *f) {
    qn_arena_destroy(f->arena);
    qn_graph_destroy(f->graph);
    qn_context_destroy(f->ctx);
}

static const qn_const *const_of(const fixture *f, const char *name) {
    qn_value *v = qn_graph_find(f->graph, name);
    assert_non_null(v);
    assert_non_null(v->constant);
    return v->constant;
}

QN_TEST(kernels_eval_expression) {
    fixture f = begin("const %w: float32[2,3] = {1, 2, 3, 4, 5, 6}\n"
                      "const %k: float32[2] = {10, 100}\n"
                      "%t: float32[3,2] = Transpose(%w) {perm=[1,0]}\n"
                      "%s: float32[3,2] = Mul(%t, %k)\n"
                      "%y: float32[6,2] = Concat(%s, %t) {axis=0}\n"
                      "%h: float16[6,2] = Cast(%y) {to=10}\n");
    qn_tensor y;
    static const float want[] = {10, 400, 20, 500, 30, 600, 1, 4, 2, 5, 3, 6};
    ASSERT_OK(f.ctx, qn_const_eval(f.ctx, f.arena, const_of(&f, "y"), &y));
    assert_int_equal(y.rank, 2);
    assert_int_equal(y.n_bytes, sizeof want);
    assert_memory_equal(y.data, want, sizeof want);
    ASSERT_OK(f.ctx, qn_const_eval(f.ctx, f.arena, const_of(&f, "h"), &y));
    assert_int_equal(y.dtype, QN_F16);
    for (int i = 0; i < 12; i++)
        assert_int_equal(((const uint16_t *)y.data)[i], qn_f32_to_f16(want[i]));
    end(&f);
}

/* x + x, forty times over: shared operands are made once, or this would never end. */
QN_TEST(kernels_eval_shared) {
    qn_buf text = QN_BUF_INIT;
    qn_buf_puts(&text, "const %x0: float64[1] = {1}\n");
    for (int i = 0; i < 40; i++)
        qn_buf_printf(&text, "%%x%d: float64[1] = Add(%%x%d, %%x%d)\n", i + 1, i, i);
    fixture f = begin(text.data);
    qn_buf_free(&text);
    qn_tensor y;
    ASSERT_OK(f.ctx, qn_const_eval(f.ctx, f.arena, const_of(&f, "x40"), &y));
    assert_true(*(const double *)y.data == 0x1p40);
    end(&f);
}

QN_TEST(kernels_eval_refused) {
    qn_buf text = QN_BUF_INIT;
    qn_buf_puts(&text, "const %x0: float32[1] = {1}\n");
    for (int i = 0; i < 300; i++)
        qn_buf_printf(&text, "%%x%d: float32[1] = Neg(%%x%d)\n", i + 1, i);
    fixture f = begin(text.data);
    qn_buf_free(&text);
    qn_tensor y;
    ASSERT_OK(f.ctx, qn_const_eval(f.ctx, f.arena, const_of(&f, "x200"), &y));
    ASSERT_FAILS(f.ctx, QN_UNSUPPORTED, "deep", qn_const_eval(f.ctx, f.arena, const_of(&f, "x300"), &y));
    end(&f);

    f = begin("const %x: float32[2] = {1, 2}\n%y: float32[3] = Neg(%x)\n");
    ASSERT_FAILS(f.ctx, QN_MALFORMED, "'y'", qn_const_eval(f.ctx, f.arena, const_of(&f, "y"), &y));
    end(&f);

    f = begin("input %x: float32[2]\n%y: float32[2] = Neg(%x)\n");
    ASSERT_FAILS(f.ctx, QN_MALFORMED, "'x' of a constant expression is not constant",
                 qn_const_eval(f.ctx, f.arena, const_of(&f, "y"), &y));
    end(&f);
}

/* Concat reads its first operand where it lies; the others are copied, each from its own place. */
QN_TEST(kernels_eval_several_unaligned) {
    fixture f = begin("const %a: float32[2] = {1, 2}\n"
                      "const %b: float32[2] = {3, 4}\n"
                      "const %c: float32[2] = {5, 6}\n"
                      "%y: float32[6] = Concat(%a, %b, %c) {axis=0}\n");
    static const char *const names[] = {"a", "b", "c"};
    char odd[3][16];
    qn_tensor y;
    for (int i = 0; i < 3; i++) {
        qn_const *c = qn_graph_find(f.graph, names[i])->constant;
        memcpy(odd[i] + 1, c->part[QN_PART_VALUES].data, 8);
        c->part[QN_PART_VALUES].data = odd[i] + 1;
    }
    ASSERT_OK(f.ctx, qn_const_eval(f.ctx, f.arena, const_of(&f, "y"), &y));
    for (int i = 0; i < 6; i++)
        assert_true(((const float *)y.data)[i] == (float)(i + 1));
    end(&f);
}

QN_TEST(kernels_eval_encoded) {
    qn_context *ctx = qn_test_context();
    qn_arena *arena = qn_arena_create();
    const int8_t codes[] = {-127, 0, 64, 3, -5, 1};
    const float scales[] = {0.5f, 0.1f, 2};
    qn_const c = {.dtype = QN_F16, .rank = 2, .dims = {2, 3}, .encoding = QN_ENC_AFFINE, .code_dtype = QN_I8,
                  .scale_dtype = QN_F32, .symmetric = true, .axis = 1, .part = {{codes, 6}, {scales, 12}}};
    qn_tensor y;
    ASSERT_OK(ctx, qn_const_eval(ctx, arena, &c, &y));
    assert_int_equal(y.dtype, QN_F16);
    for (int i = 0; i < 6; i++)
        assert_int_equal(((const uint16_t *)y.data)[i], qn_f32_to_f16((float)codes[i] * scales[i % 3]));
    qn_arena_destroy(arena);
    qn_context_destroy(ctx);
}

/* Bytes that lie at odd addresses of a file. */
QN_TEST(kernels_eval_unaligned) {
    fixture f = begin("const %w: float32[2,2] = {0, 0, 0, 0}\n"
                      "%n: float32[2,2] = Neg(%w)\n"
                      "%t: float32[2,2] = Transpose(%n)\n"
                      "%u: float32[2,2] = Transpose(%w)\n");
    static const float v[] = {1, 2, 3, 4}, want[] = {-1, -3, -2, -4};
    _Alignas(8) char bytes[32];
    memcpy(bytes + 3, v, sizeof v);
    qn_const *w = qn_graph_find(f.graph, "w")->constant;
    w->part[QN_PART_VALUES].data = bytes + 3;
    qn_tensor y;
    ASSERT_OK(f.ctx, qn_const_eval(f.ctx, f.arena, const_of(&f, "t"), &y));
    assert_memory_equal(y.data, want, sizeof want);
    ASSERT_OK(f.ctx, qn_const_eval(f.ctx, f.arena, const_of(&f, "u"), &y));
    assert_true(((const float *)y.data)[1] == 3);
    ASSERT_OK(f.ctx, qn_const_eval(f.ctx, f.arena, w, &y));
    assert_ptr_equal(y.data, bytes + 3);
    end(&f);
}
