/* Speed of the matrix product: bench_gemm [threads] [isa]. One line a shape: GFLOP/s, best of several runs. */
#include "kernels/gemm/gemm.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(int argc, char **argv) {
    static const struct {
        int64_t m, n, k;
        bool trans_b;
        qn_activation_kind act;
    } shapes[] = {
        {1370, 1152, 384, false, QN_ACT_NONE},  {1370, 384, 384, false, QN_ACT_NONE},
        {1370, 1536, 384, false, QN_ACT_NONE},  {1370, 1536, 384, false, QN_ACT_GELU},
        {1370, 384, 1536, false, QN_ACT_NONE},  {1370, 4096, 1024, false, QN_ACT_NONE},
        {1370, 1024, 4096, false, QN_ACT_NONE}, {1370, 1024, 4096, true, QN_ACT_NONE},
        {64, 21904, 576, false, QN_ACT_NONE},   {32, 87616, 288, false, QN_ACT_NONE},
        {512, 49, 4608, false, QN_ACT_NONE},    {16, 4096, 4096, false, QN_ACT_NONE},
        {1, 4096, 4096, false, QN_ACT_NONE},    {1, 4096, 4096, true, QN_ACT_NONE},
        {128, 128, 128, false, QN_ACT_NONE},    {2048, 2048, 2048, false, QN_ACT_NONE},
    };
    qn_context_options options = {.threads = argc > 1 ? atoi(argv[1]) : 0, .isa = argc > 2 ? argv[2] : NULL};
    qn_context *ctx;
    if (qn_context_create(&options, &ctx) != QN_OK)
        return 1;
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        int64_t m = shapes[s].m, n = shapes[s].n, k = shapes[s].k;
        float *a = malloc((size_t)(m * k) * 4), *b = malloc((size_t)(k * n) * 4), *c = malloc((size_t)(m * n) * 4);
        float *bias = calloc((size_t)n, 4);
        if (!a || !b || !c || !bias)
            return 1;
        for (int64_t i = 0; i < m * k; i++)
            a[i] = (float)(i % 17) * 0.1f - 0.8f;
        for (int64_t i = 0; i < n * k; i++)
            b[i] = (float)(i % 19) * 0.1f - 0.9f;
        qn_gemm g = qn_gemm_make(m, n, k);
        g.a = (qn_operand){.data = a, .dtype = QN_F32, .x_stride = k, .k_stride = 1};
        g.b = (qn_operand){
            .data = b, .dtype = QN_F32, .x_stride = shapes[s].trans_b ? k : 1, .k_stride = shapes[s].trans_b ? 1 : n};
        g.c.data = c;
        g.c.dtype = QN_F32;
        g.c.row_stride = n;
        g.c.act.kind = shapes[s].act;
        g.c.bias = (qn_addend){bias, QN_F32, 0, 1};
        double best = 1e9, start = now();
        for (int r = 0; r < 3 || (now() - start < 0.3 && r < 200); r++) {
            double t = now();
            if (qn_gemm_run(ctx, &g) != QN_OK)
                return 1;
            t = now() - t;
            best = t < best ? t : best;
        }
        printf("%6lld x %6lld x %6lld%s act %d  %9.3f ms %8.1f GFLOP/s\n", (long long)m, (long long)n, (long long)k,
               shapes[s].trans_b ? " T" : "  ", (int)shapes[s].act, best * 1e3,
               2e-9 * (double)(m * n) * (double)k / best);
        free(a);
        free(b);
        free(c);
        free(bias);
    }
    qn_context_destroy(ctx);
    return 0;
}
