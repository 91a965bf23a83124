/* The vector operations of every instruction set of the machine. */
#include "base/context.h"
#include "tests/kernels/simd_check.h"
#include "tests/test.h"

typedef void run_fn(const simd_check *check, bool fused);

/* Levels that the machine lacks come down to one that it has. */
static void on_each_level(run_fn *run) {
    static const char *const levels[] = {"scalar", "avx2", "avx512", "neon"};
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        qn_context_options options = {.threads = 1, .isa = levels[i]};
        qn_context *ctx = NULL;
        assert_int_equal(qn_context_create(&options, &ctx), QN_OK);
        run(QN_ISA_PICK(ctx, &simd_check), qn_context_isa(ctx) != QN_ISA_SCALAR);
        qn_context_destroy(ctx);
    }
}

static void run_arithmetic(const simd_check *check, bool fused) { check->arithmetic(fused); }
static void run_lanes(const simd_check *check, bool fused) { (void)fused, check->lanes(); }
static void run_memory(const simd_check *check, bool fused) { (void)fused, check->memory(); }
static void run_storage(const simd_check *check, bool fused) { (void)fused, check->storage(); }

QN_TEST(kernels_simd_arithmetic) { on_each_level(run_arithmetic); }
QN_TEST(kernels_simd_across_lanes) { on_each_level(run_lanes); }
QN_TEST(kernels_simd_touches_n_elements_only) { on_each_level(run_memory); }
QN_TEST(kernels_simd_narrow_types) { on_each_level(run_storage); }
