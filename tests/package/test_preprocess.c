/* The preprocessing in a package: there and back, to a second reader, and every refusal. */
#include "ir/preprocess.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "ir/text.h"
#include "tests/package/build.h"
#include "tests/test.h"

static const char g_text[] = "input %x: float32[n,3,h,w]\ninput %b: bool[]\n%y = Abs(%x)\noutput %y\noutput %b\n";
static const qn_preprocess g_all = {.size = QN_SIZE_ASPECT, .height = 518, .width = 500, .multiple = 14,
                                    .interpolation = QN_INTERPOLATE_BICUBIC, .antialias = true, .resize_last = true,
                                    .rescale = 0.00392156862745098, .mean = {0.485, 0, 0.406}, .std = {0.229, -0.0625, 3}};

static qn_test_bytes package_of(qn_context *ctx, const qn_preprocess *p, const char **path) {
    qn_graph *graph;
    ASSERT_OK(ctx, qn_graph_parse(ctx, g_text, &graph));
    ASSERT_OK(ctx, qn_graph_set_preprocess(ctx, graph, p));
    *path = qn_test_write_package(ctx, graph);
    qn_graph_destroy(graph);
    return qn_test_read_bytes(*path);
}

static void check_round_trip(qn_context *ctx, const qn_preprocess *p) {
    const char *path;
    qn_graph *back;
    qn_provenance provenance;
    char command[400];
    qn_test_bytes bytes = package_of(ctx, p, &path);
    free(bytes.data);
    ASSERT_OK(ctx, qn_package_verify(ctx, path, NULL, NULL));
    ASSERT_OK(ctx, qn_package_read(ctx, path, true, &provenance, &back));
    const qn_preprocess *q = back->preprocess;
    assert_non_null(q);
    assert_string_equal(q->input, "x");
    assert_true(q->size == p->size && q->height == p->height && q->width == p->width && q->multiple == p->multiple);
    assert_true(q->interpolation == p->interpolation && q->antialias == p->antialias && q->resize_last == p->resize_last);
    assert_memory_equal(&q->rescale, &p->rescale, sizeof q->rescale);
    assert_memory_equal(q->mean, p->mean, sizeof q->mean);
    assert_memory_equal(q->std, p->std, sizeof q->std);
    /* what Python reads has the same lines */
    char *ours = qn_test_dump(ctx, back, &provenance), theirs[4096] = "";
    assert_non_null(strstr(ours, "preprocess 'x' size"));
    snprintf(command, sizeof command, "python3 -B tests/package/read_quern.py %s 2>&1", path);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t n = fread(theirs, 1, sizeof theirs - 1, pipe);
    const int end = pclose(pipe);
    if (end >> 8 != 127) { /* there is a python3 */
        assert_true(n > 0);
        assert_string_equal(theirs, ours);
    }
    free(ours);
    qn_graph_destroy(back);
}

QN_TEST(package_preprocess_round_trip) {
    static const qn_preprocess keep = {.multiple = 1, .rescale = 1, .std = {1, 1, 1}};
    qn_preprocess longest = g_all;
    qn_context *ctx = qn_test_context();
    longest.size = QN_SIZE_LONGEST;
    longest.width = longest.height = 504;
    longest.interpolation = QN_INTERPOLATE_AREA;
    longest.antialias = longest.resize_last = false;
    check_round_trip(ctx, &g_all);
    check_round_trip(ctx, &keep);
    check_round_trip(ctx, &longest);
    qn_context_destroy(ctx);
}

QN_TEST(package_preprocess_absent) {
    const char *path;
    qn_context *ctx = qn_test_context();
    qn_graph *back;
    qn_test_bytes bytes = package_of(ctx, NULL, &path);
    ASSERT_OK(ctx, qn_package_read_bytes(ctx, "p", bytes.data, bytes.n, true, NULL, &back));
    assert_null(back->preprocess);
    qn_graph_destroy(back);
    free(bytes.data);
    qn_context_destroy(ctx);
}

/* ---- one wrong thing each ---------------------------------------------------------------------------------- */

static double g_two[2] = {1, 1}, g_nan[3] = {1, NAN, 1}, g_zero[3] = {1, 0, 1};
static char g_b[] = "b", g_nowhere[] = "nowhere";

#define CHANGE(NAME, ...) \
    static void NAME(Quern__Package *m, void *arg) { Quern__Preprocess *p = m->preprocess; (void)arg; __VA_ARGS__ }
CHANGE(unknown_rule, p->size = (Quern__SizeRule)9;)
CHANGE(unknown_filter, p->interpolation = (Quern__Interpolation)9;)
CHANGE(negative_rule, p->size = (Quern__SizeRule)-1;)
CHANGE(no_height, p->height = 0;)
CHANGE(huge_width, p->width = UINT32_MAX;)
CHANGE(no_multiple, p->multiple = 0;)
CHANGE(two_means, p->mean = g_two; p->n_mean = 2;)
CHANGE(no_std, p->n_std = 0;)
CHANGE(nan_mean, p->mean = g_nan;)
CHANGE(zero_std, p->std = g_zero;)
CHANGE(no_rescale, p->rescale = 0;)
CHANGE(bad_rescale, p->rescale = INFINITY;)
CHANGE(other_input, p->input = g_b;)
CHANGE(no_input, p->input = g_nowhere;)

QN_TEST(package_preprocess_refusals) {
    static const struct {
        void (*change)(Quern__Package *, void *);
        qn_status status;
        const char *text;
    } rows[] = {
        {unknown_rule, QN_UNSUPPORTED, "size rule 9 is not known"},
        {unknown_filter, QN_UNSUPPORTED, "interpolation 9 is not known"},
        {negative_rule, QN_UNSUPPORTED, "size rule -1 is not known"},
        {no_height, QN_MALFORMED, "size 'aspect' of 0 x 500"},
        {huge_width, QN_MALFORMED, "a size or multiple is over 65535"},
        {no_multiple, QN_MALFORMED, "to a multiple of 0"},
        {two_means, QN_MALFORMED, "2 means and 3 stds of 3 channels"},
        {no_std, QN_MALFORMED, "3 means and 0 stds of 3 channels"},
        {nan_mean, QN_MALFORMED, "channel 1 has mean"},
        {zero_std, QN_MALFORMED, "channel 1 has mean 0 and std 0"},
        {no_rescale, QN_MALFORMED, "rescale factor 0"},
        {bad_rescale, QN_MALFORMED, "rescale factor inf"},
        {other_input, QN_MALFORMED, "input 'b' is not float32"},
        {no_input, QN_MALFORMED, "the model has no input 'nowhere'"},
    };
    const char *path;
    qn_context *ctx = qn_test_context();
    qn_test_bytes good = package_of(ctx, &g_all, &path);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        qn_graph *back = NULL;
        qn_test_bytes bad = qn_test_change(ctx, good, rows[i].change, NULL, NULL);
        ASSERT_FAILS(ctx, rows[i].status, rows[i].text, qn_package_read_bytes(ctx, "p", bad.data, bad.n, false, NULL, &back));
        assert_null(back);
        qn_clear(ctx);
        free(bad.data);
    }
    free(good.data);
    qn_context_destroy(ctx);
}
