/* Statistics on calibration inputs against sums in float64 over the samples. */
#include "tests/test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "ir/text.h"
#include "passes/statistics.h"
#include "quern.h"

enum { B = 2, C = 5, H = 3, W = 4, N = B * C * H * W, N_SAMPLES = 3 };

/* Samples for %x: float32[2,5,3,4]. */
typedef struct feed {
    float x[N_SAMPLES][N];
} feed;

static qn_status load(qn_context *ctx, void *user, int32_t index, const qn_graph *graph, qn_tensor *inputs, const char **name) {
    static const char *const names[] = {"first", "second", "third"};
    feed *f = user;
    (void)ctx, (void)graph;
    *name = names[index];
    inputs[0] = (qn_tensor){.dtype = QN_F32, .rank = 4, .dims = {B, C, H, W}, .data = f->x[index], .n_bytes = sizeof f->x[0]};
    return QN_OK;
}

static const char g_text[] = "input %x: float32[2,5,3,4]\n"
                             "const %two: float32[] = 2\nconst %to: int64[3] = {2,15,4}\nconst %flat: int64[4] = {2,3,5,4}\n"
                             "%a = Mul(%x, %two)\n%v = Reshape(%a, %to)\n%u = Reshape(%a, %flat)\n%r = Relu(%v)\n%s = Relu(%u)\n"
                             "output %r\noutput %s\n";

typedef struct fixture {
    qn_context *ctx;
    qn_graph *graph;
    qn_arena *arena;
    feed feed;
    qn_samples samples;
    qn_pass_options options;
    int64_t budget;
    qn_pass_run run;
} fixture;

static void begin(fixture *f, qn_context *ctx, const char *text) {
    uint64_t seed = 3;
    *f = (fixture){.ctx = ctx, .arena = qn_arena_create(), .budget = -1};
    ASSERT_OK(f->ctx, qn_graph_parse(f->ctx, text, &f->graph));
    ASSERT_OK(f->ctx, qn_infer_graph(f->ctx, f->graph));
    for (int s = 0; s < N_SAMPLES; s++)
        for (int i = 0; i < N; i++)
            f->feed.x[s][i] = (float)qn_random_normal(&seed) * (float)(1 + s) + 0.25f;
    f->samples = (qn_samples){.n = N_SAMPLES, .load = load, .user = &f->feed};
    f->options = (qn_pass_options){.samples = &f->samples};
    f->run = (qn_pass_run){.ctx = f->ctx, .graph = f->graph, .options = &f->options, .scratch = f->arena, .budget = &f->budget};
}

static void end(fixture *f) {
    qn_arena_destroy(f->arena);
    qn_graph_destroy(f->graph);
    qn_context_destroy(f->ctx);
}

/* Index of element (row, channel) of the data of one sample, [outer, channels, inner]. */
static int at(int row, int channel, int channels, int inner) {
    return (row / inner * channels + channel) * inner + row % inner;
}

static void check(const fixture *f, const qn_stat *s, int channels, int inner, float factor) {
    const int rows = N / channels;
    float least = INFINITY, largest = -INFINITY, moving_least = 0, moving_largest = 0;
    assert_int_equal(s->n_samples, N_SAMPLES);
    assert_int_equal(s->n_rows, rows * N_SAMPLES);
    for (int k = 0; k < N_SAMPLES; k++) {
        float lo = INFINITY, hi = -INFINITY;
        for (int i = 0; i < N; i++) {
            lo = fminf(lo, factor * f->feed.x[k][i]);
            hi = fmaxf(hi, factor * f->feed.x[k][i]);
        }
        least = fminf(least, lo);
        largest = fmaxf(largest, hi);
        moving_least = k ? 0.9f * moving_least + 0.1f * lo : lo;
        moving_largest = k ? 0.9f * moving_largest + 0.1f * hi : hi;
    }
    assert_true(s->least == least && s->largest == largest);
    assert_float_equal(s->moving_least, moving_least, 1e-6f);
    assert_float_equal(s->moving_largest, moving_largest, 1e-6f);
    assert_int_equal(s->histogram->n, N * N_SAMPLES);
    assert_true(s->histogram->least == least && s->histogram->largest == largest);
    for (int i = 0; i < channels; i++) {
        double sum = 0, squares = 0, most = 0;
        for (int k = 0; k < N_SAMPLES; k++)
            for (int row = 0; row < rows; row++) {
                const double x = (double)(factor * f->feed.x[k][at(row, i, channels, inner)]);
                sum += x;
                squares += x * x;
                most = fmax(most, fabs(x));
            }
        assert_true((double)s->channel_max[i] == most);
        assert_true(fabs(s->channel_sum[i] - sum) < 1e-9 && fabs(s->channel_squares[i] - squares) < 1e-9);
        for (int j = 0; j < channels; j++) {
            double product = 0, magnitude = 0;
            for (int k = 0; k < N_SAMPLES; k++)
                for (int row = 0; row < rows; row++) {
                    const double p = (double)(factor * f->feed.x[k][at(row, i, channels, inner)]) *
                                     (double)(factor * f->feed.x[k][at(row, j, channels, inner)]);
                    product += p;
                    magnitude += fabs(p);
                }
            /* a float32 sum of up to 72 terms */
            assert_true(fabs((double)s->gram[i * channels + j] - product) <= 72 * 0x1p-24 * magnitude);
            assert_true(s->gram[i * channels + j] == s->gram[j * channels + i]);
        }
    }
}

enum { ALL = QN_STAT_RANGE | QN_STAT_MOVING | QN_STAT_HISTOGRAM | QN_STAT_CHANNEL | QN_STAT_GRAM };

QN_TEST(passes_statistics_sums) {
    fixture f;
    begin(&f, qn_test_context(), g_text);
    qn_stat stats[] = {
        {.value = qn_graph_find(f.graph, "x"), .flags = ALL, .axis = 1, .n_channels = C},
        {.value = qn_graph_find(f.graph, "a"), .flags = ALL, .axis = -1, .n_channels = W},
        {.value = qn_graph_find(f.graph, "x"), .flags = ALL, .axis = -1, .n_channels = W},
        {.value = qn_graph_find(f.graph, "v"), .flags = ALL, .axis = 1, .n_channels = C * H},
        {.value = qn_graph_find(f.graph, "u"), .flags = ALL, .axis = 1, .n_channels = H},
        {.value = qn_graph_find(f.graph, "v"), .flags = ALL, .axis = -1, .n_channels = W},
        {.value = qn_graph_find(f.graph, "a"), .flags = QN_STAT_RANGE},
    };
    const int n = (int)(sizeof stats / sizeof stats[0]);
    const size_t wide = sizeof(qn_histogram) + 15 * (15 * 4 + 4 + 16);
    assert_int_equal(qn_statistics_bytes(stats + 3, 1), wide);
    assert_int_equal(qn_statistics_bytes(stats + 3, 4), wide + 2 * sizeof(qn_histogram) + 3 * (3 * 4 + 20) + 4 * (4 * 4 + 20));
    ASSERT_OK(f.ctx, qn_statistics_collect(&f.run, f.arena, stats, n));
    check(&f, &stats[0], C, H * W, 1);
    check(&f, &stats[1], W, 1, 2);
    check(&f, &stats[2], W, 1, 1);
    check(&f, &stats[3], C * H, W, 2);
    check(&f, &stats[4], H, C * W, 2);
    check(&f, &stats[5], W, 1, 2);
    assert_true(stats[6].n_samples == N_SAMPLES && stats[6].least == stats[1].least && !stats[6].histogram);
    end(&f);
}

QN_TEST(passes_statistics_no_overflow) {
    const qn_stat huge = {.flags = QN_STAT_GRAM, .n_channels = INT64_MAX};
    assert_true(qn_statistics_bytes(&huge, 1) == SIZE_MAX);
}

/* A matrix %x: float32[700,300] as the only sample: more rows of the Gram matrix than are made at once. */
enum { K = 300, ROWS = 700 };

static qn_status load_matrix(qn_context *ctx, void *user, int32_t index, const qn_graph *graph, qn_tensor *inputs, const char **name) {
    (void)ctx, (void)index, (void)graph;
    *name = "matrix";
    inputs[0] = (qn_tensor){.dtype = QN_F32, .rank = 2, .dims = {ROWS, K}, .data = user, .n_bytes = (size_t)ROWS * K * sizeof(float)};
    return QN_OK;
}

static void collect_matrix(int threads, float *x, float *gram, double *sums, qn_histogram *h) {
    fixture f;
    qn_context *ctx;
    assert_int_equal(qn_context_create(&(qn_context_options){.threads = threads}, &ctx), QN_OK);
    begin(&f, ctx, "input %x: float32[700,300]\n%y = Neg(%x)\noutput %y\n");
    f.samples = (qn_samples){.n = 1, .load = load_matrix, .user = x};
    qn_stat stat = {.value = qn_graph_find(f.graph, "y"), .flags = ALL, .axis = -1, .n_channels = K};
    ASSERT_OK(f.ctx, qn_statistics_collect(&f.run, f.arena, &stat, 1));
    memcpy(gram, stat.gram, (size_t)K * K * sizeof *gram);
    memcpy(sums, stat.channel_sum, K * sizeof *sums);
    *h = *stat.histogram;
    end(&f);
}

QN_TEST(passes_statistics_threads) {
    static float x[ROWS * K], gram[2][K * K];
    static double sums[2][K];
    static qn_histogram h[2];
    uint64_t seed = 5;
    for (int i = 0; i < ROWS * K; i++)
        x[i] = (float)qn_random_normal(&seed);
    collect_matrix(1, x, gram[0], sums[0], &h[0]);
    collect_matrix(3, x, gram[1], sums[1], &h[1]);
    assert_memory_equal(gram[0], gram[1], sizeof gram[0]);
    assert_memory_equal(sums[0], sums[1], sizeof sums[0]);
    assert_memory_equal(&h[0], &h[1], sizeof h[0]);
    for (int i = 0; i < K; i += 7)
        for (int j = 0; j < K; j += 11) {
            double product = 0, magnitude = 0;
            for (int r = 0; r < ROWS; r++) {
                product += (double)x[r * K + i] * (double)x[r * K + j];
                magnitude += fabs((double)x[r * K + i] * (double)x[r * K + j]);
            }
            assert_true(fabs((double)gram[0][i * K + j] - product) <= ROWS * 0x1p-24 * magnitude);
        }
}

QN_TEST(passes_statistics_half) {
    fixture f;
    begin(&f, qn_test_context(), "input %x: float32[2,5,3,4]\n%h = Cast(%x) {to=10}\n%y = Relu(%h)\noutput %y\n");
    qn_stat s = {.value = qn_graph_find(f.graph, "y"), .flags = ALL, .axis = 1, .n_channels = C};
    ASSERT_OK(f.ctx, qn_statistics_collect(&f.run, f.arena, &s, 1));
    assert_true(s.n_samples == N_SAMPLES && s.least == 0 && s.largest > 5);
    assert_true(s.histogram->n == N * N_SAMPLES && s.histogram->counts[0] > N / 3);
    end(&f);
}

QN_TEST(passes_statistics_not_reached) {
    fixture f;
    begin(&f, qn_test_context(), "input %x: float32[2,5,3,4]\nconst %f: bool[] = {1}\n%b = If(%f) {then_branch={\n%m = Neg(%x)\noutput %m\n}, "
                                 "else_branch={\n%n = Exp(%x)\noutput %n\n}}\n%y = Relu(%b)\noutput %y\n");
    qn_stat stats[] = {{.value = qn_graph_find(f.graph, "m"), .flags = QN_STAT_RANGE},
                       {.value = qn_graph_find(f.graph, "n"), .flags = QN_STAT_RANGE},
                       {.value = qn_graph_find(f.graph, "y"), .flags = QN_STAT_CHANNEL, .axis = 1, .n_channels = C + 1}};
    f.run.graph = (qn_graph *)stats[0].value->graph; /* the outermost is what runs */
    ASSERT_OK(f.ctx, qn_statistics_collect(&f.run, f.arena, stats, 3));
    assert_int_equal(stats[0].n_samples, N_SAMPLES);
    assert_int_equal(stats[1].n_samples, 0);
    assert_int_equal(stats[2].n_samples, 0); /* not that many channels */
    end(&f);
}

QN_TEST(passes_statistics_refused) {
    fixture f;
    begin(&f, qn_test_context(), g_text);
    qn_stat s = {.value = qn_graph_find(f.graph, "s"), .flags = QN_STAT_RANGE};
    f.feed.x[1][7] = INFINITY;
    ASSERT_FAILS(f.ctx, QN_USAGE, "calibration input second makes numbers of 's' that are not finite",
                 qn_statistics_collect(&f.run, f.arena, &s, 1));
    f.feed.x[1][7] = -INFINITY; /* s is 0 there */
    ASSERT_OK(f.ctx, qn_statistics_collect(&f.run, f.arena, &s, 1));
    s.value = qn_graph_find(f.graph, "x");
    ASSERT_FAILS(f.ctx, QN_USAGE, "calibration input second makes numbers of 'x' that are not finite",
                 qn_statistics_collect(&f.run, f.arena, &s, 1));
    end(&f);
}
