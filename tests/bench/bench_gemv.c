/* Speed of products with few rows: bench_gemv [threads] [isa]. One line a storage, layout and number of rows: GB/s of
 * stored bytes, best of several runs, over matrices that together are larger than the caches. */
#include "ir/constant.h"
#include "kernels/kernel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { K = 4096, N = 4096, COPIES = 8, M = 16 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef struct storage {
    const char *name;
    qn_dtype dtype, codes; /* codes QN_NONE: dense */
    int64_t block;         /* 0: by channel */
    bool zero_points;
} storage;

static int bench(qn_context *ctx, const storage *s, bool turned, int64_t m) {
    float *x = malloc(M * K * sizeof *x), *y = malloc(M * N * sizeof *y);
    qn_const c[COPIES];
    qn_tensor in[2] = {{.dtype = QN_F32, .rank = 2, .dims = {m, K}, .data = x},
                       {.dtype = s->dtype, .rank = 2, .dims = {K, N}}};
    qn_tensor out = {.dtype = QN_F32, .rank = 2, .dims = {m, N}, .data = y};
    qn_attr attr = {.name = "trans_w", .kind = QN_ATTR_INT, .n = 1, .as.i = turned};
    const qn_node node = {.op = QN_OP_Linear, .attrs = &attr, .n_attrs = 1};
    const qn_const *consts[2] = {NULL, NULL};
    size_t bytes = 0;
    for (int i = 0; i < M * K && x; i++)
        x[i] = (float)(i % 17) * 0.1f - 0.8f;
    for (int k = 0; k < COPIES; k++) {
        c[k] =
            (qn_const){.dtype = s->dtype, .rank = 2, .dims = {turned ? N : K, turned ? K : N}, .axis = -1, .name = "w"};
        if (s->codes != QN_NONE) {
            c[k].encoding = QN_ENC_AFFINE;
            c[k].code_dtype = s->codes;
            c[k].scale_dtype = s->block ? QN_F16 : QN_F32;
            c[k].symmetric = !s->zero_points;
            c[k].block = s->block;
            c[k].axis = turned == (s->block > 0); /* channels, or what is summed */
        }
        bytes = qn_const_bytes(&c[k]);
        for (int part = 0; part < QN_MAX_PARTS; part++) {
            void *p;
            size_t n;
            if (!qn_const_part_bytes(&c[k], part, &n) || posix_memalign(&p, 64, n + 64) != 0)
                return 1;
            memset(p, part == QN_PART_SCALES ? 0x2c : 0x35, n);
            c[k].part[part] = (qn_bytes){p, n};
        }
    }
    memcpy(in[1].dims, c[0].dims, sizeof in[1].dims);
    qn_arena *arena = qn_arena_create();
    double best = 1e9;
    const double start = now();
    for (int r = 0; x && y && arena && (r < 8 || (now() - start < 0.5 && r < 400)); r++) {
        const qn_const *w = &c[r % COPIES];
        consts[1] = s->codes != QN_NONE ? w : NULL;
        in[1].data = s->codes != QN_NONE ? NULL : (void *)(uintptr_t)w->part[0].data;
        const qn_kernel_args args = {.ctx = ctx,
                                     .node = &node,
                                     .n_in = 2,
                                     .n_out = 1,
                                     .in = in,
                                     .in_const = consts,
                                     .out = &out,
                                     .scratch = arena};
        double t = now();
        if (qn_gemm_Linear(&args) != QN_OK)
            return 1;
        t = now() - t;
        best = t < best ? t : best;
        qn_arena_reset(arena);
    }
    printf("%-11s %s %3lld %8.3f ms  %6.1f GB/s\n", s->name, turned ? "[N,K]" : "[K,N]", (long long)m, best * 1e3,
           1e-9 * (double)bytes / best);
    qn_arena_destroy(arena);
    for (int k = 0; k < COPIES; k++)
        for (int part = 0; part < QN_MAX_PARTS; part++)
            free((void *)(uintptr_t)c[k].part[part].data);
    free(x);
    free(y);
    return 0;
}

int main(int argc, char **argv) {
    static const storage rows[] = {
        {"float32", QN_F32, QN_NONE, 0, false},   {"float16", QN_F16, QN_NONE, 0, false},
        {"bfloat16", QN_BF16, QN_NONE, 0, false}, {"int8", QN_F32, QN_I8, 0, false},
        {"int8:32", QN_F32, QN_I8, 32, false},    {"int4", QN_F32, QN_I4, 0, false},
        {"int4:32", QN_F32, QN_I4, 32, false},    {"int4:32:zp", QN_F32, QN_I4, 32, true},
        {"int4:128", QN_F32, QN_I4, 128, false},
    };
    const qn_context_options options = {.threads = argc > 1 ? atoi(argv[1]) : 0, .isa = argc > 2 ? argv[2] : NULL};
    qn_context *ctx;
    if (qn_context_create(&options, &ctx) != QN_OK)
        return 1;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (int at = 0; at < 4; at++)
            if (bench(ctx, &rows[i], at > 0, at < 2 ? 1 : at == 2 ? 4 : M) != 0)
                return 1;
    qn_context_destroy(ctx);
    return 0;
}
