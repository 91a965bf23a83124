/* Placement: buffers that are alive together do not overlap, and little room is wasted. */
#include <stdlib.h>

#include "base/random.h"
#include "ir/text.h"
#include "ops/infer.h"
#include "run/plan.h"
#include "tests/passes/evaluate.h"
#include "tests/passes/random_graph.h"
#include "tests/test.h"

enum { N = 200, STEPS = 100 };

typedef struct placing {
    qn_context *ctx;
    qn_planner p;
    qn_stage stage;
} placing;

/* A planner over N values that nobody makes, with slots to fill in. */
static placing begin(void) {
    placing t = {.ctx = qn_test_context()};
    qn_graph *graph = NULL;
    qn_value *value;
    ASSERT_OK(t.ctx, qn_graph_create(t.ctx, "placing", &graph));
    for (int i = 0; i < N; i++)
        ASSERT_OK(t.ctx, qn_value_create(t.ctx, graph, NULL, &value));
    t.p = (qn_planner){.ctx = t.ctx, .graph = graph, .arena = graph->arena, .scratch = qn_arena_create()};
    t.p.slots = qn_arena_array(graph->arena, N, sizeof(qn_slot));
    t.stage.n_steps = STEPS;
    return t;
}

static void end(placing *t) {
    union { const qn_graph *from; qn_graph *to; } graph = {t->p.graph};
    free(t->stage.buffer);
    qn_arena_destroy(t->p.scratch);
    qn_graph_destroy(graph.to);
    qn_context_destroy(t->ctx);
}

static void set(placing *t, uint32_t id, size_t n_bytes, int32_t first, int32_t last) {
    t->p.slots[id] = (qn_slot){.kind = QN_SLOT_PLACED, .root = id, .first = first, .last = last};
    t->p.slots[id].tensor.n_bytes = n_bytes;
}

static bool is_root(const placing *t, uint32_t id) {
    return t->p.slots[id].kind == QN_SLOT_PLACED && t->p.slots[id].root == id;
}

static size_t aligned(size_t n) { return (n + 63) / 64 * 64; }

/* Every pair, every offset, and the two sums, computed the plain way. */
static void check(const placing *t) {
    size_t end_of_all = 0, peak = 0;
    for (uint32_t i = 0; i < N; i++) {
        const qn_slot *a = &t->p.slots[i];
        if (!is_root(t, i))
            continue;
        assert_int_equal(a->offset % 64, 0);
        assert_ptr_equal(a->tensor.data, (char *)t->stage.buffer + a->offset);
        if (a->offset + aligned(a->tensor.n_bytes) > end_of_all)
            end_of_all = a->offset + aligned(a->tensor.n_bytes);
        for (uint32_t k = 0; k < i; k++) {
            const qn_slot *b = &t->p.slots[k];
            if (!is_root(t, k) || a->first > b->last || b->first > a->last)
                continue;
            assert_true(a->offset + a->tensor.n_bytes <= b->offset || b->offset + b->tensor.n_bytes <= a->offset);
        }
    }
    for (int32_t step = 0; step <= STEPS; step++) {
        size_t live = 0;
        for (uint32_t i = 0; i < N; i++)
            if (is_root(t, i) && t->p.slots[i].first <= step && step <= t->p.slots[i].last)
                live += t->p.slots[i].tensor.n_bytes ? aligned(t->p.slots[i].tensor.n_bytes) : 64;
        peak = live > peak ? live : peak;
    }
    assert_int_equal(t->stage.live_bytes, peak);
    assert_true(t->stage.buffer_bytes >= end_of_all && t->stage.buffer_bytes >= peak);
}

/* Sizes over four decades, lifetimes short and long, some to the end of the run, some without bytes. Nothing is known
 * about such lifetimes that would bound the waste; twice the peak is what a placement that reuses nothing well would
 * exceed. */
QN_TEST(run_place_random_lifetimes) {
    uint64_t seed = 11;
    for (int round = 0; round < 40; round++) {
        placing t = begin();
        for (uint32_t id = 0; id < N; id++) {
            const uint64_t r = qn_random_next(&seed);
            const int32_t first = (int32_t)(r % STEPS), length = (int32_t)((r >> 16) % (r & 1 ? 4 : 40));
            const int32_t last = (r >> 32) % 20 == 0 ? QN_STEP_FOREVER : first + length < STEPS ? first + length : STEPS - 1;
            set(&t, id, (r >> 40) % 9 == 0 ? 0 : (size_t)((r >> 24) % 1000) << (r >> 60), first, last);
        }
        ASSERT_OK(t.ctx, qn_plan_place(&t.p, &t.stage));
        check(&t);
        assert_true(t.stage.buffer_bytes <= 2 * t.stage.live_bytes);
        end(&t);
    }
}

/* A chain needs two buffers, whatever its length; values that share a root or have data elsewhere need none. */
QN_TEST(run_place_chain) {
    placing t = begin();
    for (uint32_t id = 0; id < STEPS; id++)
        set(&t, id, 1000, (int32_t)id, (int32_t)id + 1);
    set(&t, STEPS, 1000, 0, QN_STEP_FOREVER);
    t.p.slots[STEPS].root = 0;
    ASSERT_OK(t.ctx, qn_plan_place(&t.p, &t.stage));
    check(&t);
    assert_int_equal(t.stage.buffer_bytes, 2 * 1024);
    end(&t);
}

QN_TEST(run_place_nothing) {
    placing t = begin();
    ASSERT_OK(t.ctx, qn_plan_place(&t.p, &t.stage));
    assert_int_equal(t.stage.buffer_bytes, 0);
    assert_int_equal(t.stage.live_bytes, 0);
    end(&t);
}

/* ---- the graphs that people run -------------------------------------------------------------------- */

static void expect_tight(const char *text) {
    qn_context *ctx = qn_test_context();
    qn_arena *arena = qn_arena_create();
    qn_graph *graph = NULL;
    qn_session *session;
    qn_tensor in[4], out[4];
    qn_plan_info info;
    ASSERT_OK(ctx, qn_graph_parse(ctx, text, &graph));
    ASSERT_OK(ctx, qn_infer_graph(ctx, graph));
    ASSERT_OK(ctx, qn_test_random_inputs(ctx, arena, graph, 1, in));
    ASSERT_OK(ctx, qn_session_create(ctx, graph, NULL, &session));
    ASSERT_OK(ctx, qn_session_run(session, in, graph->n_inputs, out, graph->n_outputs));
    qn_session_plan_info(session, &info);
    assert_true(info.buffer_bytes >= info.live_bytes);
    if ((double)info.buffer_bytes > 1.15 * (double)info.live_bytes)
        fail_msg("%zu bytes for %zu alive", info.buffer_bytes, info.live_bytes);
    qn_session_destroy(session);
    qn_graph_destroy(graph);
    qn_arena_destroy(arena);
    qn_context_destroy(ctx);
}

/* Two blocks of a transformer: residuals that live across attention and a wide layer. */
QN_TEST(run_place_transformer_is_tight) {
    qn_buf text = QN_BUF_INIT;
    qn_buf_puts(&text, "input %x0: float32[1,50,64]\nconst %w: float32[64,64] = random(1)\nconst %up: float32[64,256] = random(2)\n"
                       "const %down: float32[256,64] = random(3)\nconst %s: float32[64] = positive(4)\n");
    for (int i = 0; i < 4; i++) {
        qn_buf_printf(&text, "%%n%d = LayerNormalization(%%x%d, %%s) {axis=-1}\n", i, 2 * i);
        qn_buf_printf(&text, "%%q%d = MatMul(%%n%d, %%w)\n%%k%d = MatMul(%%n%d, %%w)\n%%v%d = MatMul(%%n%d, %%w)\n", i, i, i, i, i, i);
        qn_buf_printf(&text, "%%t%d = Transpose(%%k%d) {perm=[0,2,1]}\n%%a%d = MatMul(%%q%d, %%t%d)\n%%p%d = Softmax(%%a%d)\n", i, i, i, i, i, i, i);
        qn_buf_printf(&text, "%%o%d = MatMul(%%p%d, %%v%d)\n%%x%d = Add(%%x%d, %%o%d)\n", i, i, i, 2 * i + 1, 2 * i, i);
        qn_buf_printf(&text, "%%u%d = MatMul(%%x%d, %%up)\n%%g%d = Gelu(%%u%d)\n%%d%d = MatMul(%%g%d, %%down)\n", i, 2 * i + 1, i, i, i, i);
        qn_buf_printf(&text, "%%x%d = Add(%%x%d, %%d%d)\n", 2 * i + 2, 2 * i + 1, i);
    }
    qn_buf_puts(&text, "output %x8\n");
    expect_tight(text.data);
    qn_buf_free(&text);
}

/* An encoder and decoder with skips: long lives of falling size. */
QN_TEST(run_place_unet_is_tight) {
    expect_tight("input %x: float32[1,4,64,64]\nconst %w: float32[4,4,3,3] = random(1)\nconst %m: float32[4,8,1,1] = random(2)\n"
                 "const %two: float32[4] = {1, 1, 2, 2}\n"
                 "%a = Conv(%x, %w) {pads=[1,1,1,1]}\n%a2 = MaxPool(%a) {kernel_shape=[2,2], strides=[2,2]}\n"
                 "%b = Conv(%a2, %w) {pads=[1,1,1,1]}\n%b2 = MaxPool(%b) {kernel_shape=[2,2], strides=[2,2]}\n"
                 "%c = Conv(%b2, %w) {pads=[1,1,1,1]}\n%c2 = MaxPool(%c) {kernel_shape=[2,2], strides=[2,2]}\n"
                 "%d = Conv(%c2, %w) {pads=[1,1,1,1]}\n"
                 "%uc = Resize(%d, _, %two) {mode=\"nearest\"}\n%jc = Concat(%uc, %c) {axis=1}\n%ec = Conv(%jc, %m)\n"
                 "%ub = Resize(%ec, _, %two) {mode=\"nearest\"}\n%jb = Concat(%ub, %b) {axis=1}\n%eb = Conv(%jb, %m)\n"
                 "%ua = Resize(%eb, _, %two) {mode=\"nearest\"}\n%ja = Concat(%ua, %a) {axis=1}\n%y = Conv(%ja, %m)\n"
                 "output %y");
}

/* Graphs of up to 40 nodes of every kind. */
QN_TEST(run_place_random_graphs_are_tight) {
    for (uint64_t seed = 1; seed <= 300; seed++) {
        qn_buf text = QN_BUF_INIT;
        qn_test_random_graph(&text, seed, 1 + (int)(seed % 40));
        expect_tight(text.data);
        qn_buf_free(&text);
    }
}
