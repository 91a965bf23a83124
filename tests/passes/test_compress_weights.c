/* compress_weights and the report: which constants get codes, along which axis, and why others do not. */
#include "tests/test.h"

#include <stdio.h>

#include "ir/text.h"
#include "passes/pass.h"
#include "passes/report.h"

typedef struct row {
    const char *name;
    const char *text;      /* constants %w, and perhaps others */
    const char *weights;
    int32_t axis;          /* of %w; -1 by tensor; -2 not compressed */
    const char *reason;    /* a row of the report has it; NULL: no row has any */
} row;

#define X "input %x: float32[3,64]\n"
static const row g_rows[] = {
    {"Linear", X "const %w: float32[64,32] = random(1)\n%y = Linear(%x, %w)\noutput %y\n", "int8", 1, NULL},
    {"Linear, turned", X "const %w: float32[32,64] = random(1)\n%y = Linear(%x, %w) {trans_w=1}\noutput %y\n", "int8", 0, NULL},
    {"by tensor", X "const %w: float32[64,32] = random(1)\n%y = Linear(%x, %w)\noutput %y\n", "int8:per_tensor", -1, NULL},
    {"MatMul", X "const %w: float32[64,32] = random(1)\n%y = MatMul(%x, %w)\noutput %y\n", "int8", 1, NULL},
    {"MatMul from the left", X "const %w: float32[700,3] = random(1)\n%y = MatMul(%w, %x)\noutput %y\n", "int8", 0, NULL},
    {"MatMul, batches", "input %x: float32[5,3,8]\nconst %w: float32[5,8,32] = random(1)\n%y = MatMul(%x, %w)\noutput %y\n", "int8", 2, NULL},
    {"Gemm", X "const %w: float32[64,32] = random(1)\n%y = Gemm(%x, %w)\noutput %y\n", "int8", 1, NULL},
    {"Gemm, turned", X "const %w: float32[32,64] = random(1)\n%y = Gemm(%x, %w) {transB=1}\noutput %y\n", "int8", 0, NULL},
    {"BatchMatMul, turned", "input %x: float32[5,3,8]\nconst %w: float32[5,32,8] = random(1)\n%y = BatchMatMul(%x, %w) {trans_b=1}\noutput %y\n", "int8", 1, NULL},
    {"Conv", "input %x: float32[1,16,9]\nconst %w: float32[32,16,3] = random(1)\n%y = Conv(%x, %w)\noutput %y\n", "int8", 0, NULL},
    {"ConvTranspose", "input %x: float32[1,16,9]\nconst %w: float32[16,32,3] = random(1)\n%y = ConvTranspose(%x, %w)\noutput %y\n", "int8", 1, NULL},
    {"ConvTranspose of groups", "input %x: float32[1,32,9]\nconst %w: float32[32,16,3] = random(1)\n%y = ConvTranspose(%x, %w) {group=2}\noutput %y\n", "int8", 1, NULL},
    {"ConvTranspose of depth", "input %x: float32[1,512,9]\nconst %w: float32[512,1,3] = random(1)\n%y = ConvTranspose(%x, %w) {group=512}\noutput %y\n", "int8", 0, NULL},
    {"Gather", "input %i: int64[5]\nconst %w: float32[100,16] = random(1)\n%y = Gather(%w, %i)\noutput %y\n", "int8", 0, NULL},
    {"Gather of columns", "input %i: int64[5]\nconst %w: float32[100,16] = random(1)\n%y = Gather(%w, %i) {axis=-1}\noutput %y\n", "int8", 1, NULL},
    {"LSTM", "input %x: float32[4,1,32]\nconst %w: float32[1,64,32] = random(1)\nconst %r: float32[1,64,16] = random(2)\n"
             "%y = LSTM(%x, %w, %r) {hidden_size=16}\noutput %y\n", "int8", 1, NULL},
    {"an embedding that is also the head", "input %i: int64[5]\nconst %w: float32[100,16] = random(1)\n%e = Gather(%w, %i)\n"
             "%y = Linear(%e, %w) {trans_w=1}\noutput %y\n", "int8", 0, NULL},
    {"readers that want different channels", X "const %w: float32[64,64] = random(1)\n%a = Linear(%x, %w)\n"
             "%y = Linear(%a, %w) {trans_w=1}\noutput %y\n", "int8", -1, "by tensor: its readers have different channel axes"},
    {"blocks: Linear is turned", X "const %w: float32[64,32] = random(1)\n%y = Linear(%x, %w)\noutput %y\n", "int4", 1, NULL},
    {"blocks: Linear as it is", X "const %w: float32[32,64] = random(1)\n%y = Linear(%x, %w) {trans_w=1}\noutput %y\n", "int4:block=64", 1, NULL},
    {"blocks: MatMul", X "const %w: float32[64,32] = random(1)\n%y = MatMul(%x, %w)\noutput %y\n", "uint4", 0, NULL},
    {"blocks: Conv", "input %x: float32[1,16,9]\nconst %w: float32[32,16,3] = random(1)\n%y = Conv(%x, %w)\noutput %y\n", "int4", 1, NULL},
    {"blocks: Conv of few channels", "input %x: float32[1,3,9]\nconst %w: float32[128,3,3] = random(1)\n%y = Conv(%x, %w)\noutput %y\n",
     "int4", 0, "by channel: under 16 elements along the axis that is summed"},
    {"blocks: Gather", "input %i: int64[5]\nconst %w: float32[100,16] = random(1)\n%y = Gather(%w, %i)\noutput %y\n", "int4", 1, NULL},
    {"blocks: Linear that turns and Linear that does not", X "const %w: float32[64,64] = random(1)\n%a = Linear(%x, %w)\n"
             "%y = Linear(%a, %w) {trans_w=1}\noutput %y\n", "int4", 0, NULL},
    {"few elements", X "const %w: float32[64,8] = random(1)\n%y = Linear(%x, %w)\noutput %y\n", "int8", -2, "under 1024 elements"},
    {"one dimension", "input %x: float32[3,2048]\nconst %w: float32[2048] = random(1)\n%y = MatMul(%x, %w)\noutput %y\n", "int8", -2, "read by MatMul"},
    {"a term", X "const %w: float32[64,3,64] = random(1)\n%y = Add(%x, %w)\noutput %y\n", "int8", -2, "read by Add"},
    {"a bias", "input %x: float32[3,4]\nconst %v: float32[4,2000] = random(2)\nconst %w: float32[2000] = random(1)\n"
               "%y = Linear(%x, %v, %w)\noutput %y\n", "int8", -2, "bias"},
    {"the scale of a norm", "input %x: float32[3,2000]\nconst %w: float32[2000] = positive(1)\n%y = LayerNormalization(%x, %w)\noutput %y\n",
     "int8", -2, "scale of a norm"},
    {"read by something else too", X "const %w: float32[64,64] = random(1)\n%a = Linear(%x, %w)\n%b = Exp(%w)\noutput %a\noutput %b\n",
     "int8", -2, "read by Exp"},
    {"an output", X "const %w: float32[64,64] = random(1)\n%a = Linear(%x, %w)\noutput %a\noutput %w\n", "int8", -2, "an output of the model"},
    {"integers", "input %i: int64[5]\nconst %w: int64[2,3] = {1, 2, 3, 4, 5, 6}\n%y = Gather(%w, %i)\noutput %y\n", "int8", -2, "not a float"},
    {"float64", "input %x: float64[3,64]\nconst %w: float64[64,64] = random(1)\n%y = MatMul(%x, %w)\noutput %y\n", "int8", -2, "float64"},
    {"nothing asked", X "const %w: float32[64,32] = random(1)\n%y = Linear(%x, %w)\noutput %y\n", NULL, -2, NULL},
};

static void check_row(const row *r) {
    qn_context *ctx = qn_test_context();
    qn_graph *graph;
    qn_arena *arena = qn_arena_create();
    qn_pass_options options = {.precision = QN_F32, .weights = r->weights};
    qn_convert_row *rows;
    int32_t n;
    uint64_t source;
    qn_status status = qn_graph_parse(ctx, r->text, &graph);
    if (status == QN_OK)
        status = qn_pass_run_one(ctx, graph, "compress_weights", &options, NULL);
    if (status != QN_OK)
        fail_msg("%s: %s", r->name, qn_context_message(ctx));
    const qn_const *c = qn_graph_find(graph, "w")->constant;
    int32_t axis = c->encoding == QN_ENC_AFFINE ? c->axis : -2;
    if (axis != r->axis)
        fail_msg("%s: axis %d, not %d", r->name, (int)axis, (int)r->axis);
    ASSERT_OK(ctx, qn_report_constants(ctx, arena, graph, &options, &rows, &n, &source));
    bool found = r->reason == NULL;
    uint64_t package = 0;
    for (int32_t i = 0; i < n; i++) {
        if (r->reason && strcmp(rows[i].reason, r->reason) == 0)
            found = true;
        if (!r->reason && rows[i].reason[0])
            fail_msg("%s: a row says '%s'", r->name, rows[i].reason);
        package += rows[i].package_bytes;
    }
    if (!found)
        fail_msg("%s: no row says '%s', the first '%s'", r->name, r->reason, rows[0].reason);
    assert_true(r->axis == -2 ? package <= source : package < source);
    qn_arena_destroy(arena);
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}

QN_TEST(passes_compress_weights_cases) {
    for (size_t i = 0; i < sizeof g_rows / sizeof g_rows[0]; i++)
        check_row(&g_rows[i]);
}

QN_TEST(passes_compress_weights_schemes) {
    qn_context *ctx = qn_test_context();
    qn_graph *graph;
    qn_pass_options options = {.precision = QN_F32, .weights = "nonsense"};
    ASSERT_OK(ctx, qn_graph_parse(ctx, g_rows[0].text, &graph));
    ASSERT_FAILS(ctx, QN_USAGE, "nonsense", qn_pass_run_one(ctx, graph, "compress_weights", &options, NULL));
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}

static const qn_convert_row *find_row(const qn_convert_row *rows, int32_t n, const char *treatment, const char *reason) {
    for (int32_t i = 0; i < n; i++)
        if (strcmp(rows[i].treatment, treatment) == 0 && strcmp(rows[i].reason, reason) == 0)
            return &rows[i];
    for (int32_t i = 0; i < n; i++)
        print_message("'%s' '%s' %lld\n", rows[i].treatment, rows[i].reason, (long long)rows[i].tensors);
    fail_msg("no row '%s' '%s'", treatment, reason);
    return NULL;
}

/* Both passes, and every kind of row. */
QN_TEST(passes_report_rows) {
    static const char text[] =
        "input %x: float32[3,64]\nconst %w: float32[64,64] = random(1)\nconst %b: float32[64] = random(2)\n"
        "const %k: float32[64,64] = random(3)\nconst %g: float32[64] = positive(4)\nconst %two: float32[] = 2\n"
        "const %s: int64[2] = {3, 64}\n"
        "%a = Linear(%x, %w, %b)\n%n = RMSNormalization(%a, %g)\n%kept = Linear(%n, %k)\n%p = Pow(%kept, %two)\n"
        "%r = Reshape(%p, %s)\noutput %r\n";
    static const char *const keep[] = {"kept"};
    qn_context *ctx = qn_test_context();
    qn_arena *arena = qn_arena_create();
    qn_graph *graph;
    qn_convert_row *rows;
    int32_t n;
    uint64_t source;
    qn_pass_options options = {.precision = QN_F16, .weights = "int8", .keep_fp32 = keep, .n_keep_fp32 = 1};
    ASSERT_OK(ctx, qn_graph_parse(ctx, text, &graph));
    ASSERT_OK(ctx, qn_pass_run_one(ctx, graph, "convert_precision", &options, NULL));
    ASSERT_OK(ctx, qn_pass_run_one(ctx, graph, "compress_weights", &options, NULL));
    ASSERT_OK(ctx, qn_report_constants(ctx, arena, graph, &options, &rows, &n, &source));
    const qn_convert_row *codes = find_row(rows, n, "int8", "");
    assert_int_equal(codes->tensors, 1);
    assert_int_equal(codes->source_bytes, 64 * 64 * 4);
    assert_int_equal(codes->package_bytes, 64 * 64 + 64 * 4);
    const qn_convert_row *kept = find_row(rows, n, "kept float32", "kept by a pattern");
    assert_int_equal(kept->source_bytes, 64 * 64 * 4);
    assert_int_equal(kept->package_bytes, 64 * 64 * 4);
    assert_ptr_equal(kept, &rows[0]); /* the largest share first */
    assert_int_equal(find_row(rows, n, "float16", "bias")->package_bytes, 128);
    assert_int_equal(find_row(rows, n, "float16", "scale of a norm")->tensors, 1);
    assert_int_equal(find_row(rows, n, "kept float32", "range or exactness (Pow)")->tensors, 1);
    assert_int_equal(find_row(rows, n, "int64", "not a float")->package_bytes, 16);
    assert_int_equal(n, 6);
    uint64_t sum = 0;
    for (int32_t i = 0; i < n; i++)
        sum += rows[i].source_bytes;
    assert_int_equal(sum, source);
    qn_graph_destroy(graph);
    qn_arena_destroy(arena);
    qn_context_destroy(ctx);
}
