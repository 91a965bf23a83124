#include "ir/preprocess.h"

#include <math.h>

#include "ir/text.h"
#include "tests/test.h"

static const qn_preprocess g_good = {.size = QN_SIZE_ASPECT, .height = 518, .width = 518, .multiple = 14,
                                     .interpolation = QN_INTERPOLATE_BICUBIC, .antialias = true, .rescale = 1.0 / 255,
                                     .mean = {0.5, 0.5, 0.5}, .std = {0.25, 0.5, -1}};

QN_TEST(ir_preprocess_names) {
    for (int i = 0; i < QN_N_SIZE_RULES; i++)
        assert_non_null(qn_size_rule_name((qn_size_rule)i));
    for (int i = 0; i < QN_N_INTERPOLATIONS; i++)
        assert_non_null(qn_interpolation_name((qn_interpolation)i));
    assert_null(qn_size_rule_name(QN_N_SIZE_RULES));
    assert_null(qn_interpolation_name(QN_N_INTERPOLATIONS));
    assert_string_equal(qn_size_rule_name(QN_SIZE_LONGEST), "longest");
    assert_string_equal(qn_interpolation_name(QN_INTERPOLATE_AREA), "area");
}

#define WITH(...)                \
    {                            \
        qn_preprocess p = g_good; \
        __VA_ARGS__;             \
        *out = p;                \
    }
#define CASE(NAME, ...) \
    static void NAME(qn_preprocess *out) WITH(__VA_ARGS__)

CASE(no_rule, p.size = QN_N_SIZE_RULES)
CASE(no_height, p.height = 0)
CASE(huge_width, p.width = 65536)
CASE(keep_with_size, p.size = QN_SIZE_KEEP)
CASE(two_edges, p.size = QN_SIZE_LONGEST; p.height = 500)
CASE(no_multiple, p.multiple = 0)
CASE(keep_with_multiple, p.size = QN_SIZE_KEEP; p.height = p.width = 0)
CASE(no_filter, p.interpolation = QN_N_INTERPOLATIONS)
CASE(area_antialias, p.interpolation = QN_INTERPOLATE_AREA)
CASE(longest_last, p.size = QN_SIZE_LONGEST; p.resize_last = true)
CASE(rescale_zero, p.rescale = 0)
CASE(rescale_tiny, p.rescale = 1e-60)
CASE(rescale_nan, p.rescale = NAN)
CASE(mean_nan, p.mean[1] = NAN)
CASE(mean_huge, p.mean[2] = 1e60)
CASE(std_zero, p.std[0] = 0)
CASE(std_tiny, p.std[0] = 1e-60)

QN_TEST(ir_preprocess_refusals) {
    static const struct {
        void (*change)(qn_preprocess *);
        qn_status status;
        const char *text;
    } rows[] = {
        {no_rule, QN_UNSUPPORTED, "size rule 5 is not known"},
        {no_height, QN_MALFORMED, "size 'aspect' of 0 x 518"},
        {huge_width, QN_MALFORMED, "size 'aspect' of 518 x 65536: a side is 1 to 65535"},
        {keep_with_size, QN_MALFORMED, "size 'keep' of 518 x 518"},
        {two_edges, QN_MALFORMED, "size 'longest' has two numbers, 500 and 518"},
        {no_multiple, QN_MALFORMED, "size 'aspect' to a multiple of 0"},
        {keep_with_multiple, QN_MALFORMED, "size 'keep' to a multiple of 14"},
        {no_filter, QN_UNSUPPORTED, "interpolation 4 is not known"},
        {area_antialias, QN_MALFORMED, "interpolation 'area' with antialias"},
        {longest_last, QN_MALFORMED, "size 'longest' resizes before normalising"},
        {rescale_zero, QN_MALFORMED, "rescale factor 0"},
        {rescale_tiny, QN_MALFORMED, "rescale factor 1e-60"},
        {rescale_nan, QN_MALFORMED, "rescale factor"},
        {mean_nan, QN_MALFORMED, "channel 1 has mean"},
        {mean_huge, QN_MALFORMED, "channel 2 has mean 1e+60"},
        {std_zero, QN_MALFORMED, "channel 0 has mean 0.5 and std 0"},
        {std_tiny, QN_MALFORMED, "std 1e-60"},
    };
    qn_context *ctx = qn_test_context();
    ASSERT_OK(ctx, qn_preprocess_check(ctx, &g_good));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        qn_preprocess p;
        rows[i].change(&p);
        ASSERT_FAILS(ctx, rows[i].status, rows[i].text, qn_preprocess_check(ctx, &p));
        qn_clear(ctx);
    }
    qn_context_destroy(ctx);
}

/* The input that takes photos is found, or must be the one that is named. */
QN_TEST(ir_preprocess_of_a_graph) {
    static const char text[] = "input %flag: bool[]\ninput %grey: float32[n,1,h,w]\ninput %views: float32[n,v,3,h,w]\n"
                               "input %rgb: float32[n,3,h,w]\n%y = Abs(%rgb)\noutput %y\n";
    qn_context *ctx = qn_test_context();
    qn_preprocess p = g_good;
    qn_graph *graph;
    ASSERT_OK(ctx, qn_graph_parse(ctx, text, &graph));
    assert_null(graph->preprocess);
    ASSERT_OK(ctx, qn_graph_set_preprocess(ctx, graph, &p));
    assert_string_equal(graph->preprocess->input, "views");
    p.input = "rgb";
    ASSERT_OK(ctx, qn_graph_set_preprocess(ctx, graph, &p));
    assert_string_equal(graph->preprocess->input, "rgb");
    p.input = "grey";
    ASSERT_FAILS(ctx, QN_MALFORMED, "input 'grey' is not float32 [n,3,h,w]", qn_graph_set_preprocess(ctx, graph, &p));
    assert_null(graph->preprocess);
    qn_clear(ctx);
    p.input = "depth";
    ASSERT_FAILS(ctx, QN_MALFORMED, "the model has no input 'depth'", qn_graph_set_preprocess(ctx, graph, &p));
    ASSERT_OK(ctx, qn_graph_set_preprocess(ctx, graph, NULL));
    qn_graph_destroy(graph);
    ASSERT_OK(ctx, qn_graph_parse(ctx, "input %x: float32[n,4,h,w]\n%y = Abs(%x)\noutput %y\n", &graph));
    p.input = NULL;
    qn_clear(ctx);
    ASSERT_FAILS(ctx, QN_MALFORMED, "the model has no input float32 [n,3,h,w]", qn_graph_set_preprocess(ctx, graph, &p));
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}
