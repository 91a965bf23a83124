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
    qn_const c;            /* encoding; axis, block, rank and dims aside */
    int64_t block;         /* 0: by channel */
} storage;

#define ZERO_POINTS(CODES, SCALES) .encoding = QN_ENC_AFFINE, .code_dtype = CODES, .scale_dtype = SCALES
#define AFFINE(CODES, SCALES) ZERO_POINTS(CODES, SCALES), .symmetric = true
#define VECTORS(BITS, WIDTH) .encoding = QN_ENC_PALETTE, .bits = BITS, .width = WIDTH, .lut_dtype = QN_F16
#define PALETTE(BITS) VECTORS(BITS, 1)
#define HALF_KEPT .sparse = true, .mask_block = 1, .n_kept = (int64_t)K * N / 2

/* Every second element is kept. */
static void fill_mask(const qn_const *c) {
    union { const void *from; uint8_t *mask; uint32_t *starts; } mask = {c->part[QN_PART_MASK].data},
                                                                 starts = {c->part[QN_PART_STARTS].data};
    memset(mask.mask, 0x55, c->part[QN_PART_MASK].n);
    for (size_t i = 0; i < c->part[QN_PART_STARTS].n / sizeof(uint32_t); i++)
        starts.starts[i] = (uint32_t)i * QN_SPARSE_CHUNK / 2;
}

static int bench(qn_context *ctx, const storage *s, bool turned, int64_t m) {
    float *x = malloc(M * K * sizeof *x), *y = malloc(M * N * sizeof *y);
    qn_const c[COPIES];
    qn_tensor in[2] = {{.dtype = QN_F32, .rank = 2, .dims = {m, K}, .data = x},
                       {.dtype = s->c.dtype, .rank = 2, .dims = {K, N}}};
    qn_tensor out = {.dtype = QN_F32, .rank = 2, .dims = {m, N}, .data = y};
    qn_attr attr = {.name = "trans_w", .kind = QN_ATTR_INT, .n = 1, .as.i = turned};
    const qn_node node = {.op = QN_OP_Linear, .attrs = &attr, .n_attrs = 1};
    const qn_const *consts[2] = {NULL, NULL};
    size_t bytes = 0;
    for (int i = 0; i < M * K && x; i++)
        x[i] = (float)(i % 17) * 0.1f - 0.8f;
    for (int k = 0; k < COPIES; k++) {
        c[k] = s->c;
        c[k].name = "w";
        c[k].rank = 2;
        c[k].dims[0] = turned ? N : K;
        c[k].dims[1] = turned ? K : N;
        c[k].lut_axis = c[k].axis = -1;
        if (c[k].scale_dtype != QN_NONE) {
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
        if (c[k].sparse)
            fill_mask(&c[k]);
    }
    memcpy(in[1].dims, c[0].dims, sizeof in[1].dims);
    qn_arena *arena = qn_arena_create();
    double best = 1e9;
    const bool encoded = s->c.encoding != QN_ENC_DENSE;
    const double start = now();
    for (int r = 0; x && y && arena && (r < 8 || (now() - start < 0.5 && r < 400)); r++) {
        const qn_const *w = &c[r % COPIES];
        consts[1] = encoded ? w : NULL;
        in[1].data = encoded ? NULL : (void *)(uintptr_t)w->part[0].data;
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
    printf("%-12s %s %3lld %8.3f ms  %6.1f GB/s\n", s->name, turned ? "[N,K]" : "[K,N]", (long long)m, best * 1e3,
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
        {"float32", {.dtype = QN_F32}, 0},
        {"float16", {.dtype = QN_F16}, 0},
        {"bfloat16", {.dtype = QN_BF16}, 0},
        {"int8", {.dtype = QN_F32, AFFINE(QN_I8, QN_F32)}, 0},
        {"int8:32", {.dtype = QN_F32, AFFINE(QN_I8, QN_F16)}, 32},
        {"int4", {.dtype = QN_F32, AFFINE(QN_I4, QN_F32)}, 0},
        {"int4:32", {.dtype = QN_F32, AFFINE(QN_I4, QN_F16)}, 32},
        {"int4:32:zp", {.dtype = QN_F32, ZERO_POINTS(QN_I4, QN_F16)}, 32},
        {"int4:128", {.dtype = QN_F32, AFFINE(QN_I4, QN_F16)}, 128},
        {"int2:32", {.dtype = QN_F32, AFFINE(QN_I2, QN_F16)}, 32},
        {"int3:32", {.dtype = QN_F32, AFFINE(QN_I3, QN_F16)}, 32},
        {"int6:32", {.dtype = QN_F32, AFFINE(QN_I6, QN_F16)}, 32},
        {"int4:32:2lv", {.dtype = QN_F32, AFFINE(QN_I4, QN_U6), .super_dtype = QN_F16, .super_block = 8}, 32},
        {"mxfp4", {.dtype = QN_F32, AFFINE(QN_F4E2M1, QN_F8E8M0)}, 32},
        {"fp8", {.dtype = QN_F32, AFFINE(QN_F8E4M3, QN_F32)}, 0},
        {"fp8:e5m2", {.dtype = QN_F32, AFFINE(QN_F8E5M2, QN_F32)}, 0},
        {"palette4", {.dtype = QN_F32, PALETTE(4)}, 0},
        {"nf4:64", {.dtype = QN_F32, PALETTE(4), .scale_dtype = QN_F16}, 64},
        {"palette6", {.dtype = QN_F32, PALETTE(6)}, 0},
        {"palette8", {.dtype = QN_F32, PALETTE(8)}, 0},
        {"palette8:x4", {.dtype = QN_F32, VECTORS(8, 4)}, 0},
        {"int8:sparse", {.dtype = QN_F32, AFFINE(QN_I8, QN_F32), HALF_KEPT}, 0},
        {"f16:sparse", {.dtype = QN_F16, .encoding = QN_ENC_SPARSE, HALF_KEPT}, 0},
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
