/* The roofline: rates that a machine can have, and the bound that they give. */
#include "kernels/peak/peak.h"

#include <math.h>

#include "tests/kernels/run_node.h"

/* Each loop says how much it did, in proportion to its rounds, and its sums are those of the formula. */
QN_TEST(kernels_peak_loops) {
    static const qn_dtype arithmetics[] = {QN_F32, QN_BF16, QN_I8};
    static const char *const levels[] = {"scalar", "avx2", "avx512", "avx512vnni", "avx512bf16", "neon"};
    for (size_t l = 0; l < sizeof levels / sizeof levels[0]; l++) {
        node_test t = node_begin_isa(levels[l]);
        for (size_t i = 0; i < sizeof arithmetics / sizeof arithmetics[0]; i++) {
            const qn_peak_row *row = qn_peak_choose(t.ctx, arithmetics[i]);
            float sink = NAN;
            assert_non_null(row);
            assert_int_equal(row->arithmetic, arithmetics[i]);
            assert_int_equal(row->isa & qn_context_isa(t.ctx), row->isa);
            const double one = row->run(1, &sink), many = row->run(64, &sink);
            assert_true(one > 0 && many == 64 * one);
            assert_true(isfinite(sink));
        }
        float data[32 * QN_PEAK_CHAINS] = {0};
        for (int i = 0; i < 32 * QN_PEAK_CHAINS; i++)
            data[i] = (float)(i % 7);
        float sum = 0, *at = qn_arena_alloc(t.arena, sizeof data);
        for (int i = 0; i < 32 * QN_PEAK_CHAINS; i++)
            sum += data[i]; /* small integers: exact in any order */
        memcpy(at, data, sizeof data);
        assert_true(qn_peak_reader(t.ctx)(at, 32 * QN_PEAK_CHAINS) == sum);
        node_end(&t);
    }
}

static qn_roofline measured(int threads, const char *isa) {
    qn_context *ctx;
    qn_roofline r;
    assert_int_equal(qn_context_create(&(qn_context_options){.threads = threads, .isa = isa}, &ctx), QN_OK);
    ASSERT_OK(ctx, qn_roofline_measure(ctx, 0.06, &r));
    qn_context_destroy(ctx);
    return r;
}

/* Loose, as tests share the machine: a million operations a second and a megabyte a second anything does. */
QN_TEST(kernels_peak_roofline) {
    const qn_roofline one = measured(1, NULL), two = measured(2, NULL);
    assert_int_equal(one.threads, 1);
    assert_int_equal(two.threads, 2);
    for (int i = 0; i < QN_N_PEAKS; i++) {
        assert_true(one.peak[i].flops > 1e6 && isfinite(one.peak[i].flops));
        assert_true(two.peak[i].flops > 1e6 && isfinite(two.peak[i].flops));
        assert_true(one.peak[i].isa[0]);
    }
    for (int i = 0; i < QN_N_MEMORIES; i++) {
        assert_true(one.memory[i].bytes > 1e6 && isfinite(one.memory[i].bytes));
        assert_true(i == 0 || one.memory[i].fits >= one.memory[i - 1].fits);
    }
    assert_true(isinf(one.memory[QN_N_MEMORIES - 1].fits));
    const qn_roofline plain = measured(1, "scalar");
    for (int i = 0; i < QN_N_PEAKS; i++)
        assert_string_equal(plain.peak[i].isa, "scalar");
    assert_true(plain.peak[0].native && !plain.peak[1].native && !plain.peak[2].native);
}

/* Peaks of 100, 200 and 400; memories that hold 10 and 1000 and read 50, 20 and 5. */
QN_TEST(kernels_peak_bound) {
    const qn_roofline r = {.threads = 1,
                           .peak = {{QN_F32, 100, "a", true}, {QN_BF16, 200, "b", true}, {QN_I8, 400, "c", true}},
                           .memory = {{"L2", 10, 50}, {"L3", 1000, 20}, {"memory", INFINITY, 5}}};
    static const struct {
        qn_dtype arithmetic;
        double flops, bytes, bound;
        bool by_memory;
    } cases[] = {
        {QN_F32, 1000, 10, 10, false}, {QN_BF16, 1000, 10, 5, false},     {QN_I8, 1000, 10, 2.5, false},
        {QN_F16, 1000, 10, 10, false}, {QN_F32, 1, 10, 0.2, true},        {QN_F32, 1, 1000, 50, true},
        {QN_F32, 1, 2000, 400, true},  {QN_F32, 40000, 2000, 400, false}, {QN_F32, 0, 0, 0, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool by_memory;
        const double bound = qn_roofline_bound(&r, cases[i].arithmetic, cases[i].flops, cases[i].bytes, &by_memory);
        assert_true(fabs(bound - cases[i].bound) < 1e-12 && by_memory == cases[i].by_memory);
        assert_true(qn_roofline_bound(&r, cases[i].arithmetic, cases[i].flops, cases[i].bytes, NULL) == bound);
    }
}

static bool at_once(void *user) {
    (void)user;
    return true;
}

QN_TEST(kernels_peak_interrupted) {
    qn_context *ctx;
    qn_roofline r;
    assert_int_equal(qn_context_create(&(qn_context_options){.threads = 1, .cancelled = at_once}, &ctx), QN_OK);
    ASSERT_FAILS(ctx, QN_CANCELLED, "interrupted", qn_roofline_measure(ctx, 0.06, &r));
    qn_context_destroy(ctx);
}
