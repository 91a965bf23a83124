/* Constants in pieces: the elements of qn_const_eval, bit for bit, whatever the pieces. */
#include "kernels/pull.h"
#include "tests/test.h"

#include "base/half.h"
#include "ir/text.h"

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

/* Pieces of `piece`, twice over, and of a third of it in the second walk. */
static void same_as_eval(fixture *f, const char *name, int64_t piece) {
    const qn_const *c = const_of(f, name);
    const size_t element = qn_dtype_bytes(c->dtype);
    const int64_t n = qn_const_numel(c);
    qn_tensor y;
    qn_pull *pull;
    ASSERT_OK(f->ctx, qn_const_eval(f->ctx, f->arena, c, &y));
    ASSERT_OK(f->ctx, qn_pull_create(f->ctx, f->arena, c, piece, &pull));
    for (int walk = 0; walk < 2; walk++) {
        const int64_t step = walk && piece >= 3 ? piece / 3 : piece;
        for (int64_t at = 0; at < n; at += step) {
            const int64_t take = n - at < step ? n - at : step;
            const void *x;
            ASSERT_OK(f->ctx, qn_pull_read(pull, at, take, &x));
            assert_int_equal((uintptr_t)x % element, 0);
            if (memcmp(x, (const char *)y.data + (size_t)at * element, (size_t)take * element) != 0)
                fail_msg("%s: pieces of %lld, elements from %lld on", name, (long long)step, (long long)at);
        }
        qn_pull_release(pull);
    }
}

static void check(const char *text, const char *const *names, size_t n_names, const int64_t *pieces, size_t n_pieces,
                  bool light) {
    fixture f = begin(text);
    for (size_t i = 0; i < n_names; i++) {
        qn_pull *pull;
        ASSERT_OK(f.ctx, qn_pull_create(f.ctx, f.arena, const_of(&f, names[i]), 1600, &pull));
        if (qn_pull_is_light(pull) != light)
            fail_msg("%s is %s", names[i], light ? "evaluated whole" : "not evaluated whole");
        for (size_t k = 0; k < n_pieces; k++)
            same_as_eval(&f, names[i], pieces[k]);
    }
    end(&f);
}
#define COUNT(A) (sizeof(A) / sizeof *(A))
static const int64_t g_pieces[] = {1, 7, 64, 1600, 3699, 3700, 100000};

QN_TEST(kernels_pull_casts) {
    static const char *const names[] = {"w", "h", "back", "b"};
    check("const %w: float32[100,37] = random(3)\n"
          "%h: float16[100,37] = Cast(%w) {to=10}\n"
          "%back: float32[100,37] = Cast(%h) {to=1}\n"
          "%b: bfloat16[100,37] = Cast(%back) {to=16}\n",
          names, COUNT(names), g_pieces, COUNT(g_pieces), true);
}

QN_TEST(kernels_pull_transposes) {
    static const char *const names[] = {"t", "th", "i"};
    check("const %w: float32[100,37] = random(3)\n"
          "%t: float32[37,100] = Transpose(%w) {perm=[1,0]}\n"
          "%th: float16[37,100] = Cast(%t) {to=10}\n"
          "%i: float32[37,100] = Transpose(%w)\n",
          names, COUNT(names), g_pieces, COUNT(g_pieces), true);
}

QN_TEST(kernels_pull_shapes) {
    static const char *const names[] = {"r", "u", "s", "f", "d"};
    check("const %w: float32[100,37] = random(3)\nconst %k: int64[3] = {37, 10, 10}\nconst %a: int64[1] = {1}\n"
          "%r: float32[37,10,10] = Reshape(%w, %k)\n"
          "%u: float32[100,1,37] = Unsqueeze(%w, %a)\n"
          "%s: float32[100,37] = Squeeze(%u, %a)\n"
          "%f: float32[100,37] = Flatten(%u)\n"
          "%d: float32[100,37] = Identity(%w)\n",
          names, COUNT(names), g_pieces, COUNT(g_pieces), true);
}

QN_TEST(kernels_pull_concat) {
    static const char *const names[] = {"rows", "cols", "last", "th", "nothing"};
    check("const %w: float32[100,37] = random(3)\nconst %v: float32[100,5] = random(4)\nconst %u: float32[3,37] = random(5)\n"
          "const %z: float32[100,0] = {}\nconst %p: float32[2,3,4] = random(6)\nconst %q: float32[2,5,4] = random(7)\n"
          "%rows: float32[203,37] = Concat(%w, %u, %w) {axis=0}\n"
          "%cols: float32[100,79] = Concat(%w, %v, %z, %w) {axis=-1}\n"
          "%last: float32[2,8,4] = Concat(%p, %q) {axis=1}\n"
          "%th: float16[100,79] = Cast(%cols) {to=10}\n"
          "%nothing: float32[100,37] = Concat(%w, %z) {axis=1}\n",
          names, COUNT(names), g_pieces, COUNT(g_pieces), true);
}

/* Every operation, the small operand on either side: a number, a row, a column, a plane, fewer dimensions. */
QN_TEST(kernels_pull_arithmetic) {
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"};
    check("const %w: float32[10,4,37] = random(3)\nconst %n: float32[] = 0.3\nconst %r: float32[37] = positive(4)\n"
          "const %m: float32[4,1] = random(5)\nconst %p: float32[10,1,37] = positive(6)\nconst %o: float32[1,1,1] = {3}\n"
          "%a: float32[10,4,37] = Mul(%w, %n)\n"
          "%b: float32[10,4,37] = Mul(%r, %w)\n"
          "%c: float32[10,4,37] = Add(%w, %m)\n"
          "%d: float32[10,4,37] = Add(%p, %w)\n"
          "%e: float32[10,4,37] = Sub(%w, %r)\n"
          "%f: float32[10,4,37] = Sub(%m, %w)\n"
          "%g: float32[10,4,37] = Div(%w, %p)\n"
          "%h: float32[10,4,37] = Div(%n, %w)\n"
          "%i: float32[10,4,37] = Div(%w, %o)\n"
          "%j: float32[10,4,37] = Sub(%o, %w)\n"
          "%k: float32[10,4,37] = Mul(%w, %w)\n"
          "%l: float32[10,4,37] = Div(%b, %g)\n",
          names, COUNT(names), g_pieces, COUNT(g_pieces), true);
}

QN_TEST(kernels_pull_scalars) {
    static const char *const names[] = {"a", "h"};
    check("const %w: float32[] = 0.7\nconst %n: float32[] = 0.3\n%a: float32[] = Sub(%w, %n)\n%h: float16[] = Cast(%a) {to=10}\n",
          names, COUNT(names), g_pieces, COUNT(g_pieces), true);
}

/* What cannot be made in pieces is evaluated, and the rest of the expression still goes by pieces. */
QN_TEST(kernels_pull_whole) {
    static const char *const names[] = {"e", "s", "t"};
    check("const %w: float32[100,37] = random(3)\nconst %r: float32[37] = positive(4)\n"
          "%e: float32[100,37] = Exp(%w)\n"
          "%s: float32[100,37] = Mul(%e, %r)\n"
          "%t: float32[37,100] = Transpose(%e) {perm=[1,0]}\n",
          names, COUNT(names), g_pieces, COUNT(g_pieces), false);
}

QN_TEST(kernels_pull_unaligned) {
    fixture f = begin("const %w: float32[8,8] = random(1)\n%h: float16[8,8] = Cast(%w) {to=10}\n%t: float32[8,8] = Transpose(%w)\n");
    char bytes[8 * 8 * 4 + 8];
    qn_const *w = qn_graph_find(f.graph, "w")->constant;
    memcpy(bytes + 3, w->part[0].data, 8 * 8 * 4);
    w->part[0].data = bytes + 3;
    for (int64_t piece = 1; piece <= 64; piece *= 4) {
        qn_pull *pull;
        const void *x;
        ASSERT_OK(f.ctx, qn_pull_create(f.ctx, f.arena, w, piece, &pull));
        ASSERT_OK(f.ctx, qn_pull_read(pull, 64 - piece, piece, &x));
        assert_int_equal((uintptr_t)x % 4, 0);
        assert_memory_equal(x, bytes + 3 + (64 - piece) * 4, (size_t)piece * 4);
        same_as_eval(&f, "h", piece);
        same_as_eval(&f, "t", piece);
    }
    end(&f);
}

QN_TEST(kernels_pull_encoded) {
    qn_context *ctx = qn_test_context();
    qn_arena *arena = qn_arena_create();
    enum { N = 1000 };
    int8_t codes[N];
    const float scale = 0.3f;
    for (int i = 0; i < N; i++)
        codes[i] = (int8_t)(i * 7);
    qn_const c = {.dtype = QN_BF16, .rank = 1, .dims = {N}, .encoding = QN_ENC_AFFINE, .code_dtype = QN_I8,
                  .scale_dtype = QN_F32, .symmetric = true, .axis = -1, .part = {{codes, N}, {&scale, 4}}};
    qn_pull *pull;
    ASSERT_OK(ctx, qn_pull_create(ctx, arena, &c, 63, &pull));
    for (int64_t at = 0; at < N; at += 63) {
        const int64_t n = N - at < 63 ? N - at : 63;
        const void *x;
        ASSERT_OK(ctx, qn_pull_read(pull, at, n, &x));
        for (int64_t i = 0; i < n; i++)
            assert_int_equal(((const uint16_t *)x)[i], qn_f32_to_bf16((float)codes[at + i] * scale));
    }
    qn_arena_destroy(arena);
    qn_context_destroy(ctx);
}

QN_TEST(kernels_pull_no_bytes) {
    fixture f = begin("const %w: float32[100] = random(3)\n%h: float16[100] = Cast(%w) {to=10}\n");
    qn_pull *pull;
    qn_graph_find(f.graph, "w")->constant->part[0].data = NULL;
    ASSERT_FAILS(f.ctx, QN_USAGE, "constant 'w' has no bytes", qn_pull_create(f.ctx, f.arena, const_of(&f, "h"), 10, &pull));
    end(&f);
}
