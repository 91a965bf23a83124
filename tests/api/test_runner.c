/* Runners and comparison through quern.h. */
#include <math.h>

#include "tests/api/small_model.h"
#include "tests/test.h"

typedef struct running {
    qn_context *ctx;
    qn_model *model;
    qn_tensor in[2];
} running;

static running begin(void) {
    static const char *const dims[] = {"batch=2", "seq=3"};
    running r = {.ctx = qn_test_context()};
    char path[256];
    small_model_file("run.onnx", path);
    ASSERT_OK(r.ctx, qn_model_load(r.ctx, path, NULL, &r.model));
    ASSERT_OK(r.ctx, qn_model_random_inputs(r.ctx, r.model, 1, dims, 2, r.in));
    return r;
}

static void end(running *r) {
    qn_model_destroy(r->model);
    qn_context_destroy(r->ctx);
}

/* Sums of 64 and 128 products in float32 against the reference kernels' in float64: 128 * 2^-24 of the magnitudes. */
QN_TEST(api_runner_fast_and_reference_agree) {
    running r = begin();
    qn_runner *fast, *reference;
    qn_tensor a, b;
    qn_comparison c;
    ASSERT_OK(r.ctx, qn_runner_create(r.ctx, r.model, NULL, &fast));
    ASSERT_OK(r.ctx, qn_runner_create(r.ctx, r.model, &(qn_runner_options){.reference = true}, &reference));
    ASSERT_OK(r.ctx, qn_runner_run(fast, r.in, 2, &a, 1));
    ASSERT_OK(r.ctx, qn_runner_run(reference, r.in, 2, &b, 1));
    assert_true(a.rank == 3 && a.dims[0] == 2 && a.dims[1] == 3 && a.dims[2] == 10);
    ASSERT_OK(r.ctx, qn_tensor_compare(r.ctx, &b, &a, NULL, &c));
    assert_int_equal(c.n, 60);
    assert_true(c.max_rel < 1e-5 && c.cosine > 1 - 1e-9 && c.first_bad == -1);
    const qn_runner_info info = qn_runner_last_run(fast);
    assert_int_equal(info.n_nodes, 6);
    assert_true(info.buffer_bytes >= info.live_bytes && info.live_bytes > 0);
    qn_runner_destroy(fast);
    qn_runner_destroy(reference);
    qn_runner_destroy(NULL);
    end(&r);
}

/* Weights small enough to be computed with while planning stay codes, so that kernels see them as such. */
QN_TEST(api_runner_reads_small_encoded_weights_in_place) {
    running r = begin();
    const qn_convert_report *report;
    char path[256];
    qn_model *package;
    qn_runner *runner;
    qn_tensor y;
    small_model_file("run.quern", path);
    ASSERT_OK(r.ctx, qn_model_convert(r.ctx, r.model, &(qn_convert_options){.weights = "int8"}, path, &report));
    ASSERT_OK(r.ctx, qn_model_load(r.ctx, path, NULL, &package));
    ASSERT_OK(r.ctx, qn_runner_create(r.ctx, package, NULL, &runner));
    ASSERT_OK(r.ctx, qn_runner_run(runner, r.in, 2, &y, 1));
    assert_int_equal(qn_runner_last_run(runner).expanded_bytes, 0);
    qn_runner_destroy(runner);
    qn_model_destroy(package);
    end(&r);
}

QN_TEST(api_runner_probes_and_profile) {
    static const char *const probes[] = {"h", "m?"};
    running r = begin();
    qn_runner *runner;
    qn_tensor y;
    ASSERT_OK(r.ctx, qn_runner_create(r.ctx, r.model, &(qn_runner_options){.probes = probes, .n_probes = 2, .profile = true}, &runner));
    ASSERT_OK(r.ctx, qn_runner_run(runner, r.in, 2, &y, 1));
    assert_int_equal(qn_runner_n_probes(runner), 2);
    const qn_probe_info m = qn_runner_probe(runner, 0), h = qn_runner_probe(runner, 1);
    assert_string_equal(m.name, "m1");
    assert_string_equal(h.name, "h");
    assert_true(h.tensor.rank == 3 && h.tensor.dims[2] == 128);
    qn_profile_info rows[16];
    assert_int_equal(qn_runner_profile(runner, rows, 16), 6);
    assert_int_equal(qn_runner_profile(runner, NULL, 0), 6);
    assert_string_equal(rows[0].op, "Gather");
    assert_string_equal(rows[5].op, "MatMul");
    assert_int_equal(rows[5].calls, 1);
    assert_true(rows[0].flops == 0 && rows[0].bytes > 0 && rows[5].flops > 0 && rows[5].arithmetic == QN_F32);
    qn_runner_destroy(runner);
    end(&r);
}

QN_TEST(api_runner_refuses_what_breaks_the_contract) {
    running r = begin();
    qn_runner *runner;
    qn_tensor y;
    ASSERT_OK(r.ctx, qn_runner_create(r.ctx, r.model, NULL, &runner));
    ASSERT_FAILS(r.ctx, QN_USAGE, "1 inputs, the model takes 2", qn_runner_run(runner, r.in, 1, &y, 1));
    const qn_tensor swapped[] = {r.in[1], r.in[0]};
    ASSERT_FAILS(r.ctx, QN_USAGE, "input 'x' is int64, the model takes float32", qn_runner_run(runner, swapped, 2, &y, 1));
    ((int64_t *)r.in[1].data)[0] = 2; /* the table has two rows */
    ASSERT_FAILS(r.ctx, QN_MALFORMED, "Gather", qn_runner_run(runner, r.in, 2, &y, 1));
    ((int64_t *)r.in[1].data)[0] = 1;
    ASSERT_OK(r.ctx, qn_runner_run(runner, r.in, 2, &y, 1)); /* a refusal leaves the runner whole */
    assert_string_equal(qn_context_message(r.ctx), "");
    qn_runner_destroy(runner);
    end(&r);
}

QN_TEST(api_runner_compare) {
    qn_context *ctx = qn_test_context();
    float a[] = {3, -4, 0, 1}, b[] = {3, -4, 0.5f, INFINITY};
    const uint8_t mask[] = {1, 1, 1, 0};
    const qn_tensor r = {.dtype = QN_F32, .rank = 1, .dims = {4}, .data = a, .n_bytes = sizeof a};
    const qn_tensor v = {.dtype = QN_F32, .rank = 1, .dims = {4}, .data = b, .n_bytes = sizeof b};
    const qn_tensor other = {.dtype = QN_F32, .rank = 2, .dims = {2, 2}, .data = b, .n_bytes = sizeof b};
    qn_comparison c;
    ASSERT_OK(ctx, qn_tensor_compare(ctx, &r, &v, NULL, &c));
    assert_true(c.first_bad == 3 && isinf(c.max_abs) && c.cosine == 0);
    ASSERT_OK(ctx, qn_tensor_compare(ctx, &r, &v, &(qn_compare_options){.mask = mask, .atol = 0.1}, &c));
    assert_true(c.n == 3 && c.max_abs == 0.5 && c.ref_max == 4 && c.max_rel == 0.125 && c.n_mismatch == 1);
    ASSERT_FAILS(ctx, QN_USAGE, "", qn_tensor_compare(ctx, &r, &other, NULL, &c));
    qn_context_destroy(ctx);
}
