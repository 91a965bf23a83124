/* Every weight scheme through quern.h: converted, written, read back, run; what the report says is what the runner computes. */
#include <math.h>
#include <stdio.h>

#include "tests/api/small_model.h"
#include "tests/test.h"

typedef struct running {
    qn_context *ctx;
    qn_model *model;
    qn_tensor in[2], reference;
    qn_runner *runner;
    char source[256], path[256];
} running;

static running begin(const char *name) {
    static const char *const dims[] = {"batch=4", "seq=16"};
    running r = {.ctx = qn_test_context()};
    char file[64];
    snprintf(file, sizeof file, "%s.onnx", name);
    small_model_file(file, r.source);
    snprintf(r.path, sizeof r.path, "%s/%s.quern", qn_test_tmp(), name);
    ASSERT_OK(r.ctx, qn_model_load(r.ctx, r.source, NULL, &r.model));
    ASSERT_OK(r.ctx, qn_model_random_inputs(r.ctx, r.model, 1, dims, 2, r.in));
    ASSERT_OK(r.ctx, qn_runner_create(r.ctx, r.model, NULL, &r.runner));
    ASSERT_OK(r.ctx, qn_runner_run(r.runner, r.in, 2, &r.reference, 1));
    return r;
}

static void end(running *r) {
    qn_runner_destroy(r->runner);
    qn_model_destroy(r->model);
    qn_context_destroy(r->ctx);
}

/* The constant that the source calls `name`; a turned one has a number after that. */
static qn_weight_info weight(running *r, qn_model *model, const char *name) {
    const qn_weight_info *rows;
    int32_t n;
    ASSERT_OK(r->ctx, qn_model_weights(r->ctx, model, &rows, &n));
    for (int32_t i = 0; i < n; i++)
        if (strncmp(rows[i].name, name, strlen(name)) == 0)
            return rows[i];
    fail_msg("no constant '%s'", name);
    return rows[0];
}

/* `bits`: of a weight of w1 [64,128], all parts; w2 is [128,10]. `least`: dB of both, for normal numbers: with steps of 1/2^(bits-1)
 * of a group's largest, which is 2.2 deviations of 32 and 2.9 of 128, an even error has 6.02 bits - 2.4 and - 4.8 dB; a few
 * less for asymmetric ranges, for grids that are not even, and for one scale to all. Palettes have Lloyd's 4.4, 9.3, 14.6,
 * 20.2 dB ... of normal numbers at 1 to 4 bits. What is pruned leaves its share of the squares: 7 % of half, 2 dB of a quarter's. */
static const struct {
    const char *scheme, *stored;
    double bits, least;
} g_schemes[] = {
    {"int2", "int2", 2.5, 5}, {"int3", "int3", 3.5, 12}, {"int4", "int4", 4.5, 19}, {"int6", "int6", 6.5, 31}, {"int8", "int8", 8.5, 40},
    {"uint2", "uint2", 2.5625, 3}, {"uint3", "uint3", 3.59375, 11}, {"uint4", "uint4", 4.625, 18}, {"uint6", "uint6", 6.6875, 31},
    {"uint8", "uint8", 8.625, 40},
    {"int8:per_tensor", "int8:per_tensor", 8 + 32. / 8192, 36}, {"int4:asymmetric", "int4:asymmetric", 4.625, 18},
    {"int4:mse", "int4:mse", 4.5, 20}, {"int8:percentile=99.9", "int8:percentile=99.9", 8.5, 30},
    {"int4:block=16", "int4:block=16", 5, 20}, {"int4:block=1", "int4:block=1", 20, 60}, {"int4:block=24", "int4:block=24", 4.75, 19},
    {"int4:block=1000", "int4:block=1000", 4.25, 17}, {"int4:block=16x4", "int4:block=16x4", 4.25, 17},
    {"int4:scale=bf16", "int4:scale=bf16", 4.5, 19}, {"int4:scale=int6", "int4:scale=int6", 4 + 6. / 32 + 16. / 512, 17},
    {"int2:block=16:scale=uint4:super=fp16/8", "int2:block=16:scale=uint4:super=fp16/8", 2 + 4. / 16 + 16. / 128, 4},
    {"fp8_e4m3", "fp8_e4m3", 8.5, 29}, {"fp8_e5m2", "fp8_e5m2", 8.5, 23}, {"fp6_e2m3", "fp6_e2m3", 6.5, 25},
    {"fp6_e3m2", "fp6_e3m2", 6.5, 22}, {"fp4_e2m1", "fp4_e2m1", 4.5, 14},
    {"mxfp8_e4m3", "mxfp8_e4m3", 8.25, 27}, {"mxfp8_e5m2", "mxfp8_e5m2", 8.25, 21}, {"mxfp6_e2m3", "mxfp6_e2m3", 6.25, 25},
    {"mxfp6_e3m2", "mxfp6_e3m2", 6.25, 22}, {"mxfp4", "mxfp4", 4.25, 14}, {"mxint8", "mxint8", 8.25, 38},
    {"nf4", "nf4", 4.25 + 16 * 32. / 8192, 18},
    {"palette1", "palette1", 1 + 2 * 32. / 8192, 4.3}, {"palette2", "palette2", 2 + 4 * 32. / 8192, 9.2},
    {"palette3", "palette3", 3 + 8 * 32. / 8192, 14.4}, {"palette4", "palette4", 4 + 16 * 32. / 8192, 20},
    {"palette5", "palette5", 5 + 32 * 32. / 8192, 25.5}, {"palette6", "palette6", 6 + 64 * 32. / 8192, 31},
    {"palette7", "palette7", 7 + 128 * 32. / 8192, 36}, {"palette8", "palette8", 8 + 256 * 32. / 8192, 42},
    {"palette4:kmeans:group=8", "palette4:group=8", 4 + 16 * 16 * 32. / 8192, 20},
    {"palette4:group=3:group_axis=in", "palette4:group=3:group_axis=in", 4 + 22 * 16 * 32. / 8192, 20},
    {"palette4:uniform", "palette4:uniform", 4 + 16 * 32. / 8192, 14},
    {"palette4:per_channel", "palette4:per_channel", 4.5 + 16 * 32. / 8192, 20},
    {"palette4:table=int8", "palette4:table=int8:per_channel", 4.5 + 16 * 8. / 8192, 20},
    {"palette4:block=16:scale=int6", "palette4:block=16:scale=int6", 4 + 6. / 16 + 16. / 256 + 16 * 32. / 8192, 21},
    {"palette8:vector=2", "palette8:vector=2", 4 + 256 * 2 * 32. / 8192, 20},
    {"palette6:vector=4:group=64", "palette6:vector=4:group=64", 1.5 + 2 * 64 * 4 * 32. / 8192, 6},
    /* of a mask: a bit a block, and 32 for each 512 elements */
    {"values:prune=0.5", "values:prune=0.5", 16 + 1 + 1 / 16., 11}, {"values:prune=2/4", "values:prune=2/4", 16 + 1 + 1 / 16., 8},
    {"int8:prune=0.75:prune_block=8", "int8:prune=0.75:prune_block=8", 2 + .5 + .125 + 1 / 16., 2},
    {"int4:prune=0.5", "int4:prune=0.5", 2 + .5 + 1 + 1 / 16., 10}, {"palette4:prune=0.5", "palette4:prune=0.5", 2 + 1 + 1 / 16. + 1 / 16., 10},
};

/* The noise of y is that of w2's products, and of w1's through a rectifier and w2: with independent errors its share is the sum
 * of theirs, within sampling of 640 numbers; 4 times that is far outside of it, and what a wrong decoder gives is further. */
static void check_run(running *r, qn_model *package, const char *scheme, double noise) {
    qn_runner *runner;
    qn_tensor y;
    qn_comparison c;
    ASSERT_OK(r->ctx, qn_runner_create(r->ctx, package, NULL, &runner));
    ASSERT_OK(r->ctx, qn_runner_run(runner, r->in, 2, &y, 1));
    ASSERT_OK(r->ctx, qn_tensor_compare(r->ctx, &r->reference, &y, NULL, &c));
    const double got = pow(10, -c.sqnr_db / 10);
    if (!(got <= 4 * noise + 1e-9) || c.first_bad >= 0)
        fail_msg("%s: the output is at %.2f dB, its weights' noise is %.3g together", scheme, c.sqnr_db, noise);
    qn_runner_destroy(runner);
}

QN_TEST(api_schemes_each) {
    for (size_t i = 0; i < sizeof g_schemes / sizeof g_schemes[0]; i++) {
        running r = begin("each");
        qn_model *package;
        ASSERT_OK(r.ctx, qn_model_convert(r.ctx, r.model, &(qn_convert_options){.weights = g_schemes[i].scheme}, r.path, NULL));
        ASSERT_OK(r.ctx, qn_model_load(r.ctx, r.path, &(qn_load_options){.check_crc = true}, &package));
        const qn_weight_info w1 = weight(&r, package, "w1"), w2 = weight(&r, package, "w2");
        const qn_weight_info told = weight(&r, r.model, "w1");
        assert_string_equal(told.scheme, g_schemes[i].stored);
        assert_string_equal(w1.scheme, g_schemes[i].stored);
        assert_string_equal(w1.reason, "");
        assert_true(told.sqnr_db == w1.sqnr_db && told.bytes == w1.bytes);
        if (fabs(w1.bits_per_weight - g_schemes[i].bits) > 1e-9 || !(w1.sqnr_db >= g_schemes[i].least) || !(w2.sqnr_db >= 2))
            fail_msg("%s: %.5f bits, %.2f and %.2f dB", g_schemes[i].scheme, w1.bits_per_weight, w1.sqnr_db, w2.sqnr_db);
        check_run(&r, package, g_schemes[i].scheme, pow(10, -w1.sqnr_db / 10) + pow(10, -w2.sqnr_db / 10));
        qn_model_destroy(package);
        end(&r);
    }
}
