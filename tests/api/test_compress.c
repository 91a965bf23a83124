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

typedef struct row {
    const char *scheme;
    double cosine;     /* of the output, at least */
} row;

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
static const row g_rows[] = {
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
