/* Depth Anything 3 from a checkpoint: shapes, what views know of each other, cameras, goldens, refusals. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "arch/arch.h"
#include "base/random.h"
#include "passes/pass.h"
#include "tests/arch/tiny_da3.h"
#include "tests/models/measure.h"
#include "tests/test.h"

enum { OUTPUTS = 7, DEPTH = 0, DEPTH_CONF, RAY, RAY_CONF, POSE, EXTRINSICS, INTRINSICS };

typedef struct running {
    qn_context *ctx;
    measure_package package;
    qn_tensor in, out[OUTPUTS];
    int n_out;
} running;

static running begin(bool mono) {
    running r = {.ctx = qn_test_context(), .n_out = mono ? 2 : OUTPUTS};
    ASSERT_OK(r.ctx, measure_open(r.ctx, tiny_da3_write(mono ? "da3mono" : "da3", mono, NULL, NULL), &r.package));
    assert_int_equal(qn_model_n_outputs(r.package.model), r.n_out);
    return r;
}

static void end(running *r) {
    free(r->in.data);
    measure_close(&r->package);
    qn_context_destroy(r->ctx);
}

static int64_t view_numbers(const qn_tensor *image) { return 3 * image->dims[3] * image->dims[4]; }

/* An image [batch, views, 3, h, w] whose view i is that of seed seeds[i]: what a view shows depends on its seed alone. */
static void set_image(running *r, const uint64_t *seeds, int64_t batch, int64_t views, int64_t h, int64_t w) {
    r->in = (qn_tensor){.dtype = QN_F32, .rank = 5, .dims = {batch, views, 3, h, w}, .data = r->in.data};
    const int64_t n = view_numbers(&r->in);
    r->in.n_bytes = (size_t)(batch * views * n) * sizeof(float);
    free(r->in.data);
    float *x = r->in.data = malloc(r->in.n_bytes);
    assert_non_null(x);
    for (int64_t i = 0; i < batch * views; i++) {
        uint64_t state = seeds[i];
        for (int64_t k = 0; k < n; k++)
            x[i * n + k] = (float)qn_random_normal(&state);
    }
}

static void run(running *r) { ASSERT_OK(r->ctx, qn_runner_run(r->package.runner, &r->in, 1, r->out, r->n_out)); }

/* Outputs of a run, kept. */
static void keep(const running *r, qn_tensor *kept) {
    for (int i = 0; i < r->n_out; i++) {
        kept[i] = r->out[i];
        kept[i].data = malloc(r->out[i].n_bytes);
        assert_non_null(kept[i].data);
        memcpy(kept[i].data, r->out[i].data, r->out[i].n_bytes);
    }
}

static void drop(const running *r, qn_tensor *kept) {
    for (int i = 0; i < r->n_out; i++)
        free(kept[i].data);
}

/* Numbers of one view of an output. */
static int64_t numbers(const qn_tensor *t) {
    int64_t n = 1;
    for (int32_t d = 2; d < t->rank; d++)
        n *= t->dims[d];
    return n;
}

/* The largest difference of view a of x to view b of y, over all outputs, of the largest magnitude of that view of x. */
static double difference(const running *r, const qn_tensor *x, int64_t a, const qn_tensor *y, int64_t b) {
    double worst = 0;
    for (int i = 0; i < r->n_out; i++) {
        const int64_t n = numbers(&x[i]);
        const float *p = (const float *)x[i].data + a * n, *q = (const float *)y[i].data + b * n;
        double most = 0, off = 0;
        for (int64_t k = 0; k < n; k++) {
            most = fmax(most, fabs((double)p[k]));
            off = fmax(off, fabs((double)p[k] - q[k]));
        }
        worst = fmax(worst, off / most);
    }
    return worst;
}

/* float32 over some twenty layers in another order of sums: 2^-24 each, a thousand times over. */
static const double g_same = 1e-4;
/* What another picture, or another part in the scene, makes at least. */
static const double g_other = 1e-2;

/* ---- shapes ------------------------------------------------------------------------------------------------ */

static void expect_dims(const qn_tensor *t, int32_t rank, const int64_t *dims) {
    assert_int_equal(t->rank, rank);
    for (int32_t i = 0; i < rank; i++)
        assert_int_equal(t->dims[i], dims[i]);
}

static void check_shapes(running *r, int64_t b, int64_t n, int64_t h, int64_t w) {
    static const uint64_t seeds[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    const int64_t rh = h / 14 * 8, rw = w / 14 * 8;
    set_image(r, seeds, b, n, h, w);
    run(r);
    expect_dims(&r->out[DEPTH], 4, (const int64_t[]){b, n, h, w});
    expect_dims(&r->out[DEPTH_CONF], 4, (const int64_t[]){b, n, h, w});
    expect_dims(&r->out[RAY], 5, (const int64_t[]){b, n, rh, rw, 6});
    expect_dims(&r->out[RAY_CONF], 4, (const int64_t[]){b, n, rh, rw});
    expect_dims(&r->out[POSE], 3, (const int64_t[]){b, n, 9});
    expect_dims(&r->out[EXTRINSICS], 4, (const int64_t[]){b, n, 3, 4});
    expect_dims(&r->out[INTRINSICS], 4, (const int64_t[]){b, n, 3, 3});
    for (int64_t i = 0; i < b * n * h * w; i++) {
        const float depth = ((const float *)r->out[DEPTH].data)[i], conf = ((const float *)r->out[DEPTH_CONF].data)[i];
        assert_true(isfinite(depth) && depth > 0 && isfinite(conf) && conf >= 1);
    }
}

QN_TEST(arch_depth_anything_3_shapes_of_any_number_of_views) {
    running r = begin(false);
    check_shapes(&r, 1, 1, 28, 42);
    check_shapes(&r, 2, 2, 56, 56); /* the size of the table of positions */
    check_shapes(&r, 1, 4, 42, 28);
    check_shapes(&r, 1, 1, 14, 14);
    end(&r);
}

QN_TEST(arch_depth_anything_3_refuses_sizes_between_patches) {
    running r = begin(false);
    static const uint64_t seed = 1;
    set_image(&r, &seed, 1, 1, 28, 30);
    ASSERT_FAILS(r.ctx, QN_USAGE, "width", qn_runner_run(r.package.runner, &r.in, 1, r.out, r.n_out));
    end(&r);
}

/* ---- views -------------------------------------------------------------------------------------------------- */

/* Of three and more views the reference is found wherever it lies, and all others are equal. */
QN_TEST(arch_depth_anything_3_outputs_follow_their_views) {
    static const uint64_t seeds[4] = {11, 12, 13, 14};
    static const int orders[][4] = {{0, 1, 3, 2}, {3, 2, 1, 0}, {1, 2, 3, 0}};
    running r = begin(false);
    qn_tensor first[OUTPUTS];
    set_image(&r, seeds, 1, 4, 42, 28);
    run(&r);
    keep(&r, first);
    assert_true(difference(&r, first, 0, first, 1) > g_other);
    for (size_t k = 0; k < sizeof orders / sizeof orders[0]; k++) {
        uint64_t moved[4];
        for (int i = 0; i < 4; i++)
            moved[i] = seeds[orders[k][i]];
        set_image(&r, moved, 1, 4, 42, 28);
        run(&r);
        for (int i = 0; i < 4; i++)
            assert_true(difference(&r, r.out, i, first, orders[k][i]) < g_same);
    }
    drop(&r, first);
    end(&r);
}

/* Of two views the first is the reference, whatever they show. */
QN_TEST(arch_depth_anything_3_the_first_of_two_views_is_the_reference) {
    running r = begin(false);
    qn_tensor kept[OUTPUTS];
    set_image(&r, (const uint64_t[]){21, 22}, 1, 2, 28, 28);
    run(&r);
    keep(&r, kept);
    set_image(&r, (const uint64_t[]){22, 21}, 1, 2, 28, 28);
    run(&r);
    assert_true(difference(&r, r.out, 0, kept, 1) > g_other);
    assert_true(difference(&r, r.out, 1, kept, 0) > g_other);
    drop(&r, kept);
    end(&r);
}

QN_TEST(arch_depth_anything_3_views_see_their_scene_and_no_other) {
    running r = begin(false);
    qn_tensor both[OUTPUTS];
    set_image(&r, (const uint64_t[]){31, 32, 33, 34, 35, 36}, 2, 3, 28, 42);
    run(&r);
    keep(&r, both);
    set_image(&r, (const uint64_t[]){34, 35, 36}, 1, 3, 28, 42);
    run(&r);
    for (int i = 0; i < 3; i++)
        assert_true(difference(&r, r.out, i, both, 3 + i) < g_same);
    set_image(&r, (const uint64_t[]){34, 35, 37}, 1, 3, 28, 42);
    run(&r);
    assert_true(difference(&r, r.out, 0, both, 3) > g_other);
    drop(&r, both);
    end(&r);
}

QN_TEST(arch_depth_anything_3_monocular_views_are_alone) {
    running r = begin(true);
    qn_tensor both[2];
    set_image(&r, (const uint64_t[]){41, 42, 43, 44}, 2, 2, 42, 56);
    run(&r);
    expect_dims(&r.out[0], 4, (const int64_t[]){2, 2, 42, 56});
    expect_dims(&r.out[1], 4, (const int64_t[]){2, 2, 42, 56});
    keep(&r, both);
    set_image(&r, (const uint64_t[]){43}, 1, 1, 42, 56);
    run(&r);
    assert_true(difference(&r, r.out, 0, both, 2) < g_same);
    assert_true(difference(&r, r.out, 0, both, 3) > g_other);
    drop(&r, both);
    end(&r);
}

/* ---- cameras -------------------------------------------------------------------------------------------------- */

/* p: pose_enc of a view; e [3, 4]: the inverse of its rotation and translation. */
static void check_extrinsics(const float *p, const float *e) {
    double x = p[3], y = p[4], z = p[5], w = p[6];
    const double length = sqrt(x * x + y * y + z * z + w * w);
    x /= length, y /= length, z /= length, w /= length;
    const double r[3][3] = {{1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)},
                            {2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)},
                            {2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)}};
    for (int i = 0; i < 3; i++) {
        double t = 0;
        for (int k = 0; k < 3; k++) {
            assert_true(fabs(e[4 * i + k] - r[k][i]) < 1e-5); /* a few units of 2^-24 for sums of four products */
            t -= r[k][i] * p[k];
        }
        assert_true(fabs(e[4 * i + 3] - t) < 1e-5);
    }
}

QN_TEST(arch_depth_anything_3_cameras_are_those_of_pose_enc) {
    enum { H = 42, W = 28 };
    static const uint64_t seeds[3] = {51, 52, 53};
    running r = begin(false);
    set_image(&r, seeds, 1, 3, H, W);
    run(&r);
    for (int i = 0; i < 3; i++) {
        const float *p = (const float *)r.out[POSE].data + 9 * i, *k = (const float *)r.out[INTRINSICS].data + 9 * i;
        check_extrinsics(p, (const float *)r.out[EXTRINSICS].data + 12 * i);
        const double want[9] = {W / 2.0 / fmax(tan(p[8] / 2.0), 1e-6), 0, W / 2.0, 0, H / 2.0 / fmax(tan(p[7] / 2.0), 1e-6),
                                H / 2.0, 0, 0, 1};
        for (int j = 0; j < 9; j++)
            assert_true(fabs(k[j] - want[j]) <= 1e-5 * fabs(want[j]));
    }
    end(&r);
}

/* ---- precision ------------------------------------------------------------------------------------------------ */

static bool is_narrow(const qn_value *v) { return v && v->type.dtype == QN_BF16; }

/* The choice of the reference view and the cameras stay in float32, the rest does not. */
QN_TEST(arch_depth_anything_3_bf16_keeps_choice_and_cameras) {
    qn_context *ctx = qn_test_context();
    qn_graph *graph;
    qn_arch_info info;
    int n_choice = 0, n_cameras = 0, n_narrow = 0;
    ASSERT_OK(ctx, qn_arch_read(ctx, tiny_da3_write("da3", false, NULL, NULL), &graph, &info));
    ASSERT_OK(ctx, qn_passes_run(ctx, graph, &(qn_pass_options){.precision = QN_BF16}, NULL, NULL));
    for (const qn_node *node = graph->first; node; node = node->next) {
        const bool choice = strncmp(node->out[0]->name, "reference_view.", 15) == 0;
        const bool camera = strcmp(node->out[0]->name, "pose_enc") == 0 || strcmp(node->out[0]->name, "extrinsics") == 0 ||
                            strcmp(node->out[0]->name, "intrinsics") == 0;
        n_choice += choice;
        n_cameras += camera;
        n_narrow += is_narrow(node->out[0]);
        for (int32_t i = 0; i < node->n_in && (choice || camera); i++)
            if (is_narrow(node->in[i]) || is_narrow(node->out[0]))
                fail_msg("%s is not in float32", qn_node_label(node));
    }
    assert_true(n_choice > 10 && n_cameras == 3 && n_narrow > 100);
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}

/* ---- goldens -------------------------------------------------------------------------------------------------- */

/* Of the outputs of the PyTorch definition, and of `depth` alone: float16 and bfloat16 round to 11 and 8 bits, int8 codes to
 * about 7; over ten layers. 1e-4 of float32 is what the order of sums leaves. */
static const struct {
    double depth, all;
} g_cosine[MEASURE_VARIANTS] = {{0.999999, 0.999999}, {0.9999, 0.9999}, {0.999, 0.999}, {0.999, 0.999}, {0.99, 0.99}};

static void check_golden(qn_context *ctx, const measure_package *p, int variant, const char *folder, int index) {
    char path[512], where[24];
    qn_arrays *golden;
    qn_tensor out[OUTPUTS];
    assert_true(measure_golden_path(path, sizeof path, folder, index));
    ASSERT_OK(ctx, qn_arrays_load(ctx, path, &golden));
    const qn_tensor *in = measure_find(golden, "in.", "image");
    assert_non_null(in);
    ASSERT_OK(ctx, qn_runner_run(p->runner, in, 1, out, OUTPUTS));
    snprintf(where, sizeof where, "golden%d", index);
    for (int i = 0; i < OUTPUTS; i++) {
        const char *name = qn_model_output(p->model, i).name;
        const qn_tensor *want = measure_find(golden, "out.", name);
        measure_worst worst = measure_begin();
        assert_non_null(want);
        ASSERT_OK(ctx, measure_output(ctx, want, &out[i], NULL, name, where, &worst));
        if (worst.n_nan || worst.cosine < (i == DEPTH ? g_cosine[variant].depth : g_cosine[variant].all) ||
            (variant == 0 && worst.max_rel > 1e-4))
            fail_msg("%s, %s: cosine %.8f, max_rel %.3g", measure_variants[variant].name, worst.where, worst.cosine, worst.max_rel);
    }
    qn_arrays_destroy(golden);
}

/* One view, two scenes of two, and three views of which one is chosen; the fourth golden has given cameras. */
QN_TEST(arch_depth_anything_3_goldens) {
    char folder[512];
    if (!qn_test_shared()) {
        qn_test_skip_shared();
        return;
    }
    qn_context *ctx = qn_test_context();
    snprintf(folder, sizeof folder, "%s/checkpoints/da3-tiny", qn_test_shared());
    for (int v = 0; v < MEASURE_VARIANTS; v++) {
        measure_package package;
        ASSERT_OK(ctx, measure_convert(ctx, folder, &measure_variants[v], &package));
        for (int k = 0; k < 3; k++)
            check_golden(ctx, &package, v, folder, k);
        measure_close(&package);
    }
    qn_context_destroy(ctx);
}
