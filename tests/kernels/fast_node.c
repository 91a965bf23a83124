#include "tests/kernels/fast_node.h"

#include "base/context.h"

void check_fast(const char *node, double tol, int32_t n_out, qn_tensor *in, int32_t n_in) {
    static const struct {
        const char *name;
        unsigned bits;
    } isas[] = {{"scalar", 0},
                {"avx2", QN_ISA_AVX2},
                {"avx512", QN_ISA_AVX512},
                {"avx512vnni", QN_ISA_AVX512VNNI},
                {"avx512bf16", QN_ISA_AVX512BF16},
                {"neon", QN_ISA_NEON}};
    node_test ref = node_begin();
    const qn_tensor *wanted = run_ref(&ref, node, n_out, in, n_in);
    for (size_t i = 0; i < sizeof isas / sizeof isas[0]; i++) {
        const qn_tensor *first = NULL;
        node_test one = {0};
        for (int threads = 1; threads <= 3; threads++) {
            qn_context_options options = {.threads = threads, .isa = isas[i].name};
            node_test t = {0};
            assert_int_equal(qn_context_create(&options, &t.ctx), QN_OK);
            t.arena = qn_arena_create();
            assert_non_null(t.arena);
            if ((qn_context_isa(t.ctx) & isas[i].bits) != isas[i].bits) {
                node_end(&t);
                break;
            }
            const qn_tensor *got = run_best(&t, node, n_out, in, n_in);
            if (strcmp(t.kernel->name, "ref") == 0)
                fail_msg("%s: the reference kernel was chosen with %s", node, isas[i].name);
            if (!first) {
                for (int32_t o = 0; o < n_out; o++)
                    expect_tensor(&got[o], tol, &wanted[o]);
                first = got;
                one = t;
                continue;
            }
            for (int32_t o = 0; o < n_out; o++)
                if (memcmp(got[o].data, first[o].data, got[o].n_bytes) != 0)
                    fail_msg("%s: other bits with %d threads on %s", node, threads, isas[i].name);
            node_end(&t);
        }
        if (first)
            node_end(&one);
    }
    node_end(&ref);
}
