/* The reference view: the graph's choice against the formula, in double. */
#include <math.h>
#include <stdio.h>

#include "arch/depth_anything_3.h"
#include "base/random.h"
#include "run/session.h"
#include "tests/test.h"

enum { WIDTH = 12, TOKENS = 3, MAX_VIEWS = 6, SCENES = 3 };

typedef struct choice {
    qn_context *ctx;
    qn_graph *graph;
    qn_session *session;
} choice;

/* A graph of the choice alone: x [batch, views, TOKENS, WIDTH] to both orders. */
static choice begin(void) {
    const qn_checkpoint nothing = {.path = "nothing", .folder = "nothing", .arena = qn_arena_create()};
    choice c = {.ctx = qn_test_context()};
    const qn_da3 m = {.encoder.hidden = WIDTH};
    qn_da3_scene scene = {0};
    qn_builder b;
    const qn_convert_dropped *dropped;
    int32_t n_dropped;
    ASSERT_OK(c.ctx, qn_graph_create(c.ctx, "choice", &c.graph));
    ASSERT_OK(c.ctx, qn_builder_start(c.ctx, c.graph, &nothing, &b));
    const qn_dim dims[] = {qn_build_symbol(&b, "batch", 1, INT64_MAX, 1), qn_build_symbol(&b, "views", 1, INT64_MAX, 1), TOKENS,
                           WIDTH};
    qn_value *x = qn_build_input(&b, "x", dims, 4);
    scene.batch = qn_layer_dims(&b, x, 0, 1);
    scene.views = qn_layer_dims(&b, x, 1, 2);
    scene.all = qn_build_binary(&b, QN_OP_Mul, NULL, scene.batch, scene.views);
    x = qn_layer_reshape(&b, NULL, x, QN_DIMS(-1, TOKENS, WIDTH));
    const qn_da3_order order = qn_da3_reference_view(&b, &m, &scene, x);
    qn_build_output(&b, "there", order.there);
    qn_build_output(&b, "back", order.back);
    ASSERT_OK(c.ctx, qn_builder_finish(&b, &dropped, &n_dropped));
    qn_arena_destroy(nothing.arena);
    ASSERT_OK(c.ctx, qn_session_create(c.ctx, c.graph, NULL, &c.session));
    return c;
}

static void end(choice *c) {
    qn_session_destroy(c->session);
    qn_graph_destroy(c->graph);
    qn_context_destroy(c->ctx);
}

/* ---- the formula ---------------------------------------------------------------------------------------- */

static double spread_of(const double *unit) {
    double mean = 0, sum = 0;
    for (int i = 0; i < WIDTH; i++)
        mean += unit[i] / WIDTH;
    for (int i = 0; i < WIDTH; i++)
        sum += (unit[i] - mean) * (unit[i] - mean);
    return sum / (WIDTH - 1);
}

/* |scaled to 0..1 - 1/2| of each criterion, added to score. */
static void add_score(const double *criterion, int views, double *score) {
    double lo = INFINITY, hi = -INFINITY;
    for (int i = 0; i < views; i++) {
        lo = fmin(lo, criterion[i]);
        hi = fmax(hi, criterion[i]);
    }
    for (int i = 0; i < views; i++)
        score[i] += fabs((criterion[i] - lo) / (hi - lo + 1e-8) - 0.5);
}

/* The view that is chosen of a scene [views, TOKENS, WIDTH]. */
static int choose(const float *x, int views) {
    double unit[MAX_VIEWS][WIDTH], criteria[3][MAX_VIEWS] = {{0}}, score[MAX_VIEWS] = {0};
    int best = 0;
    for (int i = 0; i < views; i++) {
        const float *token = x + i * TOKENS * WIDTH;
        double square = 0;
        for (int k = 0; k < WIDTH; k++)
            square += (double)token[k] * token[k];
        for (int k = 0; k < WIDTH; k++)
            unit[i][k] = token[k] / sqrt(square);
        criteria[1][i] = sqrt(square);
        criteria[2][i] = spread_of(unit[i]);
    }
    for (int i = 0; i < views; i++)
        for (int j = 0; j < views; j++)
            for (int k = 0; k < WIDTH && i != j; k++)
                criteria[0][i] += unit[i][k] * unit[j][k] / (views - 1);
    for (int i = 0; i < 3; i++)
        add_score(criteria[i], views, score);
    for (int i = 1; i < views; i++)
        if (score[i] < score[best])
            best = i;
    return views < 3 ? 0 : best;
}

/* ---- tests ------------------------------------------------------------------------------------------------ */

/* Runs the choice and compares it; `there` receives the first order. */
static void check(choice *c, const float *x, int scenes, int views, int64_t *there) {
    qn_tensor in = {.dtype = QN_F32, .rank = 4, .dims = {scenes, views, TOKENS, WIDTH}, .data = (void *)(uintptr_t)x,
                    .n_bytes = sizeof *x * (size_t)(scenes * views * TOKENS * WIDTH)}, out[2];
    ASSERT_OK(c->ctx, qn_session_run(c->session, &in, 1, out, 2));
    assert_true(out[0].dtype == QN_I64 && out[0].rank == 1 && out[0].dims[0] == scenes * views && out[1].dims[0] == scenes * views);
    const int64_t *order = out[0].data, *back = out[1].data;
    for (int s = 0; s < scenes; s++) {
        const int chosen = choose(x + s * views * TOKENS * WIDTH, views);
        for (int i = 0; i < views; i++) {
            const int want = i == 0 ? chosen : i <= chosen ? i - 1 : i;
            assert_int_equal(order[s * views + i], s * views + want);
            assert_int_equal(back[order[s * views + i]], s * views + i);
        }
    }
    memcpy(there, order, sizeof *order * (size_t)(scenes * views));
}

QN_TEST(arch_depth_anything_3_reference_view_is_the_most_average) {
    choice c = begin();
    float x[SCENES * MAX_VIEWS * TOKENS * WIDTH];
    int64_t there[SCENES * MAX_VIEWS];
    uint64_t seed = 5;
    int moved = 0;
    for (int round = 0; round < 40; round++) {
        const int views = 1 + round % MAX_VIEWS, scenes = 1 + round % SCENES;
        for (size_t i = 0; i < sizeof x / sizeof x[0]; i++)
            x[i] = (float)qn_random_normal(&seed);
        check(&c, x, scenes, views, there);
        moved += there[0] != 0;
    }
    assert_true(moved > 5); /* of 40 rounds, 27 of them with three views or more */
    end(&c);
}

/* All views alike: all scores are equal, and the first is taken. */
QN_TEST(arch_depth_anything_3_reference_view_of_equals_is_the_first) {
    choice c = begin();
    float x[MAX_VIEWS * TOKENS * WIDTH];
    int64_t there[MAX_VIEWS];
    for (int i = 0; i < MAX_VIEWS * TOKENS * WIDTH; i++)
        x[i] = (float)(1 + i % (TOKENS * WIDTH) % 4); /* sums of squares that are exact: 4 (1 + 4 + 9 + 16) ... */
    check(&c, x, 1, 4, there);
    assert_int_equal(there[0], 0);
    end(&c);
}
