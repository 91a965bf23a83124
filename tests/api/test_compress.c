/* Every weight scheme from end to end: convert, open the package, run it, and compare; and weights that are out of the ordinary. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/random.h"
#include "quant/scheme_words.h"
#include "tests/api/small_model.h"
#include "tests/read/onnx_build.h"
#include "tests/test.h"

enum { ROWS = 24, WIDTH = 64, MAX_OUT = 512 };

typedef struct scheme_row {
    const char *scheme;
    double cosine;     /* of the output, at least */
} scheme_row;

/* The model (small_model.h) has two products, of weights with normal numbers. With noise over signal r in each product, the noise of
 * the output is about 2 r, and its cosine 1 - r: r is 10^(-dB/10) by the tables of docs/compression.md (0.00008 at 41 dB for 8 bits, 0.0003
 * at 35 dB for 6, 0.008 at 21 dB for 4, 0.025 at 16 dB for 3, 0.1 at 10 dB for 2, and 0.36 for one bit, whose two numbers are +-0.8
 * deviations). Bounds allow for twice that; floating point of m bits of mantissa counts as m + 1 bits. */
#define BITS8 0.9998
#define BITS6 0.999
#define BITS5 0.995
#define BITS4 0.98
#define BITS3 0.94
#define BITS2 0.78
#define BITS1 0.4
static const scheme_row g_rows[] = {
    {"none", 1},
    {"int8", BITS8}, {"int8:per_tensor", BITS8}, {"int8:asymmetric", BITS8}, {"int8:block=16:mse", BITS8}, {"int8:percentile=99.99", BITS6},
    {"int6", BITS6}, {"int4", BITS4}, {"int4:block=16", BITS4}, {"int4:mse", BITS4}, {"int4:per_channel", 0.97}, {"int4:asymmetric:scale=fp32", BITS4},
    {"int3", BITS3}, {"int2", BITS2}, {"int2:block=8:mse", BITS2},
    {"uint8", BITS8}, {"uint6", BITS6}, {"uint4", BITS4}, {"uint3", BITS3}, {"uint2", BITS2},
    {"int4:scale=uint6:super=fp16/8", BITS4}, {"int3:block=16:scale=int6", BITS3}, {"uint2:block=16:scale=uint4:mse", BITS2},
    {"int4:block=32x4", 0.97}, {"int8:block=16x16", BITS8}, {"int4:block=24x3:scale=bf16", 0.97}, {"int4:block=1000", BITS4},
    {"fp8_e4m3", BITS5}, {"fp8_e5m2", 0.99}, {"fp6_e2m3", BITS5}, {"fp6_e3m2", 0.99}, {"fp4_e2m1", 0.96}, {"fp4_e2m1:block=16", BITS4},
    {"mxint8", BITS8}, {"mxfp8_e4m3", BITS5}, {"mxfp8_e5m2", 0.99}, {"mxfp6_e2m3", BITS5}, {"mxfp6_e3m2", 0.99}, {"mxfp4", 0.96}, {"mxfp4:mse", 0.96},
    {"palette8", BITS8}, {"palette7", BITS6}, {"palette6", BITS6}, {"palette5", BITS5}, {"palette4", BITS4}, {"palette3", BITS3},
    {"palette2", BITS2}, {"palette1", BITS1}, {"palette4:uniform", 0.96}, {"palette4:group=8", BITS4}, {"palette4:group=16:group_axis=in", BITS4},
    {"palette4:per_channel", BITS4}, {"palette4:table=fp16", BITS4}, {"palette4:per_channel:table=int8", BITS4},
    {"palette4:vector=2", BITS2}, {"palette6:vector=4", BITS1}, {"palette8:vector=2:group=16", BITS4},
    {"palette8:unique", 1}, /* more than 256 different numbers: left as they are, with a warning */
    {"nf4", BITS4},
    /* half of normal numbers, the smaller ones, have 0.07 of the square sum; 2 of 4 loses 0.13, and 3/4 of them 0.28 */
    {"values:prune=0.5", 0.85}, {"int8:prune=0.5", 0.85}, {"int8:prune=2/4", 0.75}, {"int4:prune=0.25", 0.95}, {"palette4:prune=0.5", 0.85},
    {"values:prune=0.5:prune_block=4", 0.5}, {"int8:threshold=0.01", BITS6}, {"values:threshold=1e-9", BITS8}, {"values:prune=0", 1},
};

typedef struct problem {
    qn_context *ctx;
    char source[256], package[2][256];
    float x[ROWS * WIDTH];
    int64_t ids[ROWS];
    double want[MAX_OUT];
} problem;

static void run(problem *p, const char *path, double *out) {
    const qn_tensor in[2] = {{QN_F32, 3, {2, ROWS / 2, WIDTH}, p->x, sizeof p->x}, {QN_I64, 2, {2, ROWS / 2}, p->ids, sizeof p->ids}};
    qn_model *model;
    qn_runner *runner;
    qn_tensor y;
    ASSERT_OK(p->ctx, qn_model_load(p->ctx, path, &(qn_load_options){.check_crc = true}, &model));
    ASSERT_OK(p->ctx, qn_runner_create(p->ctx, model, NULL, &runner));
    ASSERT_OK(p->ctx, qn_runner_run(runner, in, 2, &y, 1));
    assert_true(y.n_bytes / sizeof(float) <= MAX_OUT);
    ASSERT_OK(p->ctx, qn_tensor_to_f64(p->ctx, &y, out));
    qn_runner_destroy(runner);
    qn_model_destroy(model);
}

static problem begin(const char *name) {
    problem p;
    char file[128];
    uint64_t seed = 5;
    p.ctx = qn_test_context();
    snprintf(file, sizeof file, "%s.onnx", name);
    small_model_file(file, p.source);
    for (int i = 0; i < 2; i++)
        snprintf(p.package[i], sizeof p.package[i], "%s/%s%d.quern", qn_test_tmp(), name, i);
    for (int i = 0; i < ROWS * WIDTH; i++)
        p.x[i] = (float)qn_random_normal(&seed);
    for (int i = 0; i < ROWS; i++)
        p.ids[i] = i % 2;
    run(&p, p.source, p.want);
    return p;
}

static double cosine(const double *a, const double *b, int n) {
    double ab = 0, aa = 0, bb = 0;
    for (int i = 0; i < n; i++) {
        ab += a[i] * b[i];
        aa += a[i] * a[i];
        bb += b[i] * b[i];
    }
    return ab / sqrt(aa * bb);
}

static void convert(const char *source, const qn_convert_options *options, int threads, const char *to) {
    qn_context *ctx = NULL;
    qn_model *model;
    assert_int_equal(qn_context_create(&(qn_context_options){.threads = threads}, &ctx), QN_OK);
    ASSERT_OK(ctx, qn_model_load(ctx, source, NULL, &model));
    const qn_status status = qn_model_convert(ctx, model, options, to, NULL);
    if (status != QN_OK)
        fail_msg("%s: %s", options->weights, qn_context_message(ctx));
    qn_model_destroy(model);
    qn_context_destroy(ctx);
}

static void expect_same_file(qn_context *ctx, const char *a, const char *b, const char *label) {
    qn_map *x, *y;
    ASSERT_OK(ctx, qn_map_open(ctx, a, &x));
    ASSERT_OK(ctx, qn_map_open(ctx, b, &y));
    if (qn_map_bytes(x) != qn_map_bytes(y) || memcmp(qn_map_data(x), qn_map_data(y), qn_map_bytes(x)) != 0)
        fail_msg("%s: other bytes the second time", label);
    qn_map_close(x);
    qn_map_close(y);
}

QN_TEST(api_compress_every_scheme) {
    problem p = begin("schemes");
    double got[MAX_OUT];
    for (size_t i = 0; i < sizeof g_rows / sizeof *g_rows; i++) {
        const qn_convert_options options = {.weights = g_rows[i].scheme};
        convert(p.source, &options, 1, p.package[0]);
        convert(p.source, &options, 2, p.package[1]);
        expect_same_file(p.ctx, p.package[0], p.package[1], g_rows[i].scheme);
        ASSERT_OK(p.ctx, qn_package_check(p.ctx, p.package[0]));
        run(&p, p.package[0], got);
        const double c = cosine(p.want, got, ROWS * 10); /* NaN is under every bound */
        if (getenv("QUERN_TEST_VERBOSE"))
            print_message("%-40s %.6f\n", g_rows[i].scheme, c);
        if (!(c >= g_rows[i].cosine - 1e-12))
            fail_msg("%s: cosine %.6f, under %.6f", g_rows[i].scheme, c, g_rows[i].cosine);
    }
    qn_context_destroy(p.ctx);
}

/* A name that is added is added to the rows above. */
QN_TEST(api_compress_every_name_is_met) {
    for (const qn_scheme_name *name = qn_scheme_names; name->name; name++) {
        bool met = false;
        for (size_t i = 0; i < sizeof g_rows / sizeof *g_rows; i++)
            met |= strncmp(g_rows[i].scheme, name->name, strlen(name->name)) == 0 &&
                   (g_rows[i].scheme[strlen(name->name)] == 0 || g_rows[i].scheme[strlen(name->name)] == ':');
        if (!met)
            fail_msg("no row has the scheme '%s'", name->name);
    }
}

/* Arithmetic in narrow types over narrow weights: the activations' 8 bits of bfloat16 are added to the noise of the weights. */
QN_TEST(api_compress_narrow_precision) {
    static const char *const schemes[] = {"int8", "int4", "palette4", "nf4", "mxfp4", "int8:prune=0.25", "fp8_e4m3"};
    problem p = begin("narrow");
    double got[MAX_OUT];
    for (int i = 0; i < 14; i++) {
        convert(p.source, &(qn_convert_options){.precision = i % 2 ? QN_F16 : QN_BF16, .weights = schemes[i / 2]}, 2, p.package[0]);
        run(&p, p.package[0], got);
        if (!(cosine(p.want, got, ROWS * 10) > 0.95))
            fail_msg("%s: cosine %.6f", schemes[i / 2], cosine(p.want, got, ROWS * 10));
    }
    qn_context_destroy(p.ctx);
}

/* ---- weights that are out of the ordinary ------------------------------------------------------------------------- */

/* y = x odd, x [ROWS,k], odd [k,n]. */
static void write_product(const char *path, const float *odd, int64_t k, int64_t n) {
    qn_buf graph = QN_BUF_INIT;
    char x[32], y[32];
    const int64_t dims[] = {k, n, -1};
    snprintf(x, sizeof x, "rows,%d", (int)k);
    snprintf(y, sizeof y, "rows,%d", (int)n);
    pb_string(&graph, 2, "odd");
    pb_message(&graph, OB_NODE, ob_node("MatMul", "x,odd", "y"));
    pb_message(&graph, OB_INITIALIZER, ob_tensor("odd", QN_F32, dims, odd, (size_t)(k * n) * sizeof *odd));
    pb_message(&graph, OB_INPUT, ob_value("x", QN_F32, x));
    pb_message(&graph, OB_OUTPUT, ob_value("y", QN_F32, y));
    qn_buf model = ob_model(17, graph);
    small_write(path, model.data, model.n);
    qn_buf_free(&model);
}

typedef struct product {
    qn_context *ctx;
    char source[256], package[256];
    int64_t k, n;
} product;

static product odd_product(const char *name, const float *odd, int64_t k, int64_t n) {
    product p = {.ctx = qn_test_context(), .k = k, .n = n};
    snprintf(p.source, sizeof p.source, "%s/odd_%s.onnx", qn_test_tmp(), name);
    snprintf(p.package, sizeof p.package, "%s/odd_%s.quern", qn_test_tmp(), name);
    write_product(p.source, odd, k, n);
    return p;
}

/* By a scheme for all weights, or by a rule with the tensor's very name; *warned: a warning names the tensor. */
static qn_status convert_as(product *p, const char *scheme, bool by_name, bool *warned) {
    qn_model *model;
    const qn_convert_report *r;
    const qn_weight_rule rule = {"odd", scheme};
    const qn_convert_options options = {.weights = by_name ? NULL : scheme, .weight_rules = &rule, .n_weight_rules = by_name,
                                        .min_compress_elems = 1};
    qn_clear(p->ctx);
    ASSERT_OK(p->ctx, qn_model_load(p->ctx, p->source, NULL, &model));
    const qn_status status = qn_model_convert(p->ctx, model, &options, p->package, &r);
    *warned = false;
    for (int32_t i = 0; status == QN_OK && i < r->n_warnings; i++)
        *warned |= strstr(r->warnings[i], "tensor 'odd") != NULL;
    qn_model_destroy(model);
    return status;
}

static qn_status convert_product(product *p, const char *scheme) {
    bool warned;
    return convert_as(p, scheme, false, &warned);
}

/* Row `row` of the stored weight, as the product with a unit vector: out [n]. */
static void stored_row(product *p, int row, double *out) {
    static float x[WIDTH * 2];
    qn_model *model;
    qn_runner *runner;
    qn_tensor y;
    memset(x, 0, sizeof x);
    if (row >= 0)
        x[row] = 1;
    const qn_tensor in = {QN_F32, 2, {1, p->k}, x, (size_t)p->k * sizeof *x};
    ASSERT_OK(p->ctx, qn_model_load(p->ctx, p->package, NULL, &model));
    ASSERT_OK(p->ctx, qn_runner_create(p->ctx, model, NULL, &runner));
    ASSERT_OK(p->ctx, qn_runner_run(runner, &in, 1, &y, 1));
    assert_int_equal(y.n_bytes, (size_t)p->n * sizeof(float));
    ASSERT_OK(p->ctx, qn_tensor_to_f64(p->ctx, &y, out));
    qn_runner_destroy(runner);
    qn_model_destroy(model);
}

enum { ODD_K = 35, ODD_N = 20 };

QN_TEST(api_compress_zeros) {
    static const float zeros[ODD_K * ODD_N];
    double got[ODD_N];
    product p = odd_product("zeros", zeros, ODD_K, ODD_N);
    for (size_t i = 0; i < sizeof g_rows / sizeof *g_rows; i++) {
        if (convert_product(&p, g_rows[i].scheme) != QN_OK)
            fail_msg("%s: %s", g_rows[i].scheme, qn_context_message(p.ctx));
        stored_row(&p, 3, got);
        for (int k = 0; k < ODD_N; k++)
            if (got[k] != 0)
                fail_msg("%s: %g, not 0", g_rows[i].scheme, got[k]);
    }
    qn_context_destroy(p.ctx);
}

/* 0.7 throughout. The coarsest that is met is between 2 and 3 of the codes 0, 0.5, 1, 1.5, 2, 3, 4, 6 of 4 bits under a power of two: off by
 * 1/5 at most. Linear codes have the largest number exactly, or nearly. What is pruned is 0. */
QN_TEST(api_compress_constant) {
    static float data[ODD_K * ODD_N];
    double got[ODD_N];
    for (int i = 0; i < ODD_K * ODD_N; i++)
        data[i] = 0.7f;
    product p = odd_product("constant", data, ODD_K, ODD_N);
    for (size_t i = 0; i < sizeof g_rows / sizeof *g_rows; i++) {
        const bool pruned = strstr(g_rows[i].scheme, "prune=0.") || strstr(g_rows[i].scheme, "prune=2/4");
        if (convert_product(&p, g_rows[i].scheme) != QN_OK)
            fail_msg("%s: %s", g_rows[i].scheme, qn_context_message(p.ctx));
        for (int row = 0; row < ODD_K; row += 17) {
            stored_row(&p, row, got);
            for (int k = 0; k < ODD_N; k++)
                if (fabs(got[k] - 0.7) > 0.7 / 5 && !(pruned && got[k] == 0))
                    fail_msg("%s: %g, not 0.7", g_rows[i].scheme, got[k]);
        }
    }
    qn_context_destroy(p.ctx);
}

/* Magnitudes up to 1e37: a scale in float32 or 8 bits of exponent holds them. One in float16 does not: the weight is left as it is with a
 * warning, or refused where its name was given. */
QN_TEST(api_compress_huge) {
    static float data[ODD_K * ODD_N];
    double got[ODD_N];
    bool warned;
    uint64_t seed = 4;
    for (int i = 0; i < ODD_K * ODD_N; i++)
        data[i] = (float)(1e36 * qn_random_normal(&seed));
    product p = odd_product("huge", data, ODD_K, ODD_N);
    for (size_t i = 0; i < sizeof g_rows / sizeof *g_rows; i++) {
        if (convert_product(&p, g_rows[i].scheme) != QN_OK)
            fail_msg("%s: %s", g_rows[i].scheme, qn_context_message(p.ctx));
        for (int row = 0; row < ODD_K; row += 17) {
            stored_row(&p, row, got);
            for (int k = 0; k < ODD_N; k++)
                if (!isfinite(got[k]))
                    fail_msg("%s: %g at %d,%d", g_rows[i].scheme, got[k], row, k);
        }
    }
    static const char *const held[] = {"int8", "mxfp4", "palette4", "int4:scale=bf16"};
    for (int i = 0; i < 4; i++)
        assert_true(convert_as(&p, held[i], true, &warned) == QN_OK && !warned);
    assert_true(convert_as(&p, "int4", false, &warned) == QN_OK && warned);
    ASSERT_FAILS(p.ctx, QN_UNSUPPORTED, "tensor 'odd", convert_as(&p, "int4", true, &warned));
    qn_context_destroy(p.ctx);
}

/* Left with a warning that names the tensor; under its own name refused, and there is no package. */
QN_TEST(api_compress_not_finite) {
    static float data[ODD_K * ODD_N];
    uint64_t seed = 4;
    bool warned;
    for (int i = 0; i < 2; i++) {
        for (int k = 0; k < ODD_K * ODD_N; k++)
            data[k] = (float)qn_random_normal(&seed);
        data[ODD_N + 5] = i ? INFINITY : NAN;
        product p = odd_product(i ? "infinite" : "nan", data, ODD_K, ODD_N);
        for (size_t r = 0; r < sizeof g_rows / sizeof *g_rows; r++) {
            const char *scheme = g_rows[r].scheme;
            if (strcmp(scheme, "none") == 0)
                continue;
            if (convert_as(&p, scheme, false, &warned) != QN_OK || !warned)
                fail_msg("%s: not left with a warning: %s", scheme, qn_context_message(p.ctx));
            remove(p.package);
            if (convert_as(&p, scheme, true, &warned) != QN_UNSUPPORTED || !strstr(qn_context_message(p.ctx), "tensor 'odd"))
                fail_msg("%s: not refused by name: %s", scheme, qn_context_message(p.ctx));
            if (fopen(p.package, "rb"))
                fail_msg("%s: refused, and there is a package", scheme);
        }
        qn_context_destroy(p.ctx);
    }
}

QN_TEST(api_compress_one_element) {
    static const float one[1] = {-0.3f};
    double got[1];
    product p = odd_product("one", one, 1, 1);
    for (size_t i = 0; i < sizeof g_rows / sizeof *g_rows; i++) {
        const bool pruned = strstr(g_rows[i].scheme, "prune=") != NULL;
        if (convert_product(&p, g_rows[i].scheme) != QN_OK)
            fail_msg("%s: %s", g_rows[i].scheme, qn_context_message(p.ctx));
        stored_row(&p, 0, got);
        if (fabs(got[0] + 0.3) > 0.3 / 5 && !(pruned && got[0] == 0))
            fail_msg("%s: %g, not -0.3", g_rows[i].scheme, got[0]);
    }
    qn_context_destroy(p.ctx);
}

/* No sum, and no channel: products of zeros, and of nothing. */
QN_TEST(api_compress_no_elements) {
    static const float nothing[1] = {0};
    double got[ODD_N];
    for (int i = 0; i < 2; i++) {
        product p = odd_product(i ? "no_sum" : "no_channel", nothing, i ? 0 : ODD_K, i ? ODD_N : 0);
        for (size_t r = 0; r < sizeof g_rows / sizeof *g_rows; r++) {
            if (convert_product(&p, g_rows[r].scheme) != QN_OK)
                fail_msg("%s: %s", g_rows[r].scheme, qn_context_message(p.ctx));
            stored_row(&p, -1, got);
            for (int k = 0; k < p.n; k++)
                assert_true(got[k] == 0);
        }
        qn_context_destroy(p.ctx);
    }
}

/* The last block of an axis is short, or the only one: the same numbers as with a block of the axis' own length. */
QN_TEST(api_compress_block_longer_than_the_axis) {
    static float data[ODD_K * ODD_N];
    static const char *const schemes[][2] = {{"int4:block=35", "int4:block=5000"}, {"uint3:block=35:mse", "uint3:block=36:mse"},
                                             {"int4:block=35x20", "int4:block=99x99"}, {"palette4:block=35", "palette4:block=64"}};
    double want[ODD_N], got[ODD_N];
    uint64_t seed = 4;
    for (int k = 0; k < ODD_K * ODD_N; k++)
        data[k] = (float)qn_random_normal(&seed);
    product p = odd_product("long_block", data, ODD_K, ODD_N);
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        for (int row = 0; row < ODD_K; row += 17) {
            ASSERT_OK(p.ctx, convert_product(&p, schemes[i][0]));
            stored_row(&p, row, want);
            ASSERT_OK(p.ctx, convert_product(&p, schemes[i][1]));
            stored_row(&p, row, got);
            assert_memory_equal(want, got, sizeof want);
        }
    qn_context_destroy(p.ctx);
}
