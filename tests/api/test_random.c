/* Seeded inputs: the same for the same seed, of the sizes that were asked for or are likely. */
#include "tests/api/small_model.h"
#include "tests/test.h"

static qn_model *load(qn_context *ctx, const char *const *dims, int32_t n_dims) {
    char path[256];
    qn_model *model = NULL;
    small_model_file("random.onnx", path);
    ASSERT_OK(ctx, qn_model_load(ctx, path, &(qn_load_options){.dims = dims, .n_dims = n_dims}, &model));
    return model;
}

QN_TEST(api_random_is_a_function_of_the_seed) {
    qn_context *ctx = qn_test_context();
    qn_model *model = load(ctx, NULL, 0), *other = load(ctx, NULL, 0);
    qn_tensor a[2], b[2];
    static const char *const dims[] = {"batch=3", "seq=4"};
    for (uint64_t seed = 0; seed < 3; seed++) {
        ASSERT_OK(ctx, qn_model_random_inputs(ctx, model, seed, dims, 2, a));
        ASSERT_OK(ctx, qn_model_random_inputs(ctx, other, seed, dims, 2, b));
        for (int i = 0; i < 2; i++) {
            assert_int_equal(a[i].n_bytes, b[i].n_bytes);
            assert_memory_equal(a[i].data, b[i].data, a[i].n_bytes);
        }
        ASSERT_OK(ctx, qn_model_random_inputs(ctx, other, seed + 1, dims, 2, b));
        assert_memory_not_equal(a[0].data, b[0].data, a[0].n_bytes);
    }
    assert_true(a[0].rank == 3 && a[0].dims[0] == 3 && a[0].dims[1] == 4 && a[0].dims[2] == 64);
    for (size_t i = 0; i < a[1].n_bytes / 8; i++) /* ids that any table has */
        assert_true(((const int64_t *)a[1].data)[i] >= 0 && ((const int64_t *)a[1].data)[i] <= 1);
    qn_model_destroy(model);
    qn_model_destroy(other);
    qn_context_destroy(ctx);
}

QN_TEST(api_random_default_sizes) {
    qn_context *ctx = qn_test_context();
    qn_model *model = load(ctx, NULL, 0);
    qn_tensor in[2];
    ASSERT_OK(ctx, qn_model_random_inputs(ctx, model, 1, NULL, 0, in));
    assert_true(in[1].dims[0] == 1 && in[1].dims[1] == 16);
    qn_model_destroy(model);
    static const char *const ranges[] = {"batch=2|8", "seq=10..100:10"};
    model = load(ctx, ranges, 2);
    ASSERT_OK(ctx, qn_model_random_inputs(ctx, model, 1, NULL, 0, in));
    assert_int_equal(in[1].dims[0], 2);
    assert_int_equal(in[1].dims[1], 20); /* the first multiple that is at least 16 */
    static const char *const one[] = {"seq=90"};
    ASSERT_OK(ctx, qn_model_random_inputs(ctx, model, 1, one, 1, in));
    assert_int_equal(in[1].dims[1], 90);
    qn_model_destroy(model);
    qn_context_destroy(ctx);
}

QN_TEST(api_random_refusals) {
    static const struct {
        const char *dim, *message;
    } rows[] = {{"width=3", "no dimension 'width'"},  {"seq", "'seq' is not NAME=N"},     {"seq=1..4", "a run needs one number"},
                {"batch=9", "outside the model's 1..4"}, {"seq=4611686018427387904", "input 'x' is too large"}};
    static const char *const ranges[] = {"batch=1..4"};
    qn_context *ctx = qn_test_context();
    qn_model *model = load(ctx, ranges, 1);
    qn_tensor in[2];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        ASSERT_FAILS(ctx, QN_USAGE, rows[i].message, qn_model_random_inputs(ctx, model, 1, &rows[i].dim, 1, in));
    qn_model_destroy(model);
    qn_context_destroy(ctx);
}
