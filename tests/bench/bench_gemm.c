/* Speed of the matrix product: bench_gemm [--threads N] [--isa X] [--dtype fp32|bf16|int8|w8] [MxNxK ...]
 * One line a shape: best of several runs. Without shapes, those of real models. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/half.h"
#include "kernels/gemm/gemm.h"

typedef struct shape {
    int64_t m, n, k;
    bool trans_b;
    qn_activation_kind act;
} shape;

static const shape g_shapes[] = {
    {1370, 1152, 384, false, QN_ACT_NONE},  {1370, 384, 384, false, QN_ACT_NONE},
    {1370, 1536, 384, false, QN_ACT_NONE},  {1370, 1536, 384, false, QN_ACT_GELU},
    {1370, 384, 1536, false, QN_ACT_NONE},  {1370, 4096, 1024, false, QN_ACT_NONE},
    {1370, 1024, 4096, false, QN_ACT_NONE}, {1370, 1024, 4096, true, QN_ACT_NONE},
    {64, 21904, 576, false, QN_ACT_NONE},   {32, 87616, 288, false, QN_ACT_NONE},
    {512, 49, 4608, false, QN_ACT_NONE},    {16, 4096, 4096, false, QN_ACT_NONE},
    {1, 4096, 4096, false, QN_ACT_NONE},    {1, 4096, 4096, true, QN_ACT_NONE},
    {128, 128, 128, false, QN_ACT_NONE},    {2048, 2048, 2048, false, QN_ACT_NONE},
};

/* What is multiplied: the storage of A and C, and of B. */
typedef struct product {
    const char *name;
    qn_dtype a, b;  /* b QN_I8: codes with a scale a column */
    qn_arith arith; /* INT8: rows of A are quantised as they are packed */
} product;

static const product g_products[] = {
    {"fp32", QN_F32, QN_F32, QN_ARITH_F32},
    {"bf16", QN_BF16, QN_BF16, QN_ARITH_BF16},
    {"int8", QN_F32, QN_I8, QN_ARITH_INT8},
    {"w8", QN_F32, QN_I8, QN_ARITH_F32}, /* int8 weights, float32 arithmetic */
};

/* n small numbers of that dtype, 0.1 apart; codes are whole. NULL when out of memory. */
static void *numbers(qn_dtype dtype, int64_t n, int64_t period) {
    void *p = malloc((size_t)n * qn_dtype_bytes(dtype));
    for (int64_t i = 0; p && i < n; i++) {
        const int64_t v = i % period - period / 2;
        if (dtype == QN_F32)
            ((float *)p)[i] = 0.1f * (float)v;
        else if (dtype == QN_BF16)
            ((uint16_t *)p)[i] = qn_f32_to_bf16(0.1f * (float)v);
        else
            ((int8_t *)p)[i] = (int8_t)v;
    }
    return p;
}

static double best_seconds(qn_context *ctx, const qn_gemm *g) {
    double best = 1e9, start = qn_clock_seconds();
    for (int r = 0; r < 3 || (qn_clock_seconds() - start < 0.3 && r < 200); r++) {
        double t = qn_clock_seconds();
        if (qn_gemm_run(ctx, g) != QN_OK)
            return -1;
        t = qn_clock_seconds() - t;
        best = t < best ? t : best;
    }
    return best;
}

static bool run_shape(qn_context *ctx, const product *kind, const shape *s) {
    void *a = numbers(kind->a, s->m * s->k, 17), *b = numbers(kind->b, s->n * s->k, 19);
    void *c = numbers(kind->a, s->m * s->n, 1), *bias = numbers(QN_F32, s->n, 1), *scales = numbers(QN_F32, s->n, 23);
    double seconds = -1;
    if (a && b && c && bias && scales) {
        qn_gemm g = qn_gemm_make(s->m, s->n, s->k);
        g.arith = qn_gemm_has(ctx, kind->arith) ? kind->arith : QN_ARITH_F32;
        g.a = (qn_operand){.data = a, .dtype = kind->a, .x_stride = s->k, .k_stride = 1};
        g.b = (qn_operand){
            .data = b, .dtype = kind->b, .x_stride = s->trans_b ? s->k : 1, .k_stride = s->trans_b ? 1 : s->n};
        g.a.quantise = g.arith == QN_ARITH_INT8;
        if (kind->b == QN_I8) {
            g.b.scales = scales;
            g.b.scale_dtype = QN_F32;
            g.b.scale_axis = QN_SCALE_X;
            g.b.scale_run = 1;
        }
        g.c.data = c;
        g.c.dtype = kind->a;
        g.c.row_stride = s->n;
        g.c.act.kind = s->act;
        g.c.bias = (qn_addend){bias, QN_F32, 0, 1};
        seconds = best_seconds(ctx, &g);
    }
    if (seconds > 0)
        printf("%6lld x %6lld x %6lld%s act %d  %9.3f ms %8.1f GFLOP/s\n", (long long)s->m, (long long)s->n,
               (long long)s->k, s->trans_b ? " T" : "  ", (int)s->act, seconds * 1e3,
               2e-9 * (double)(s->m * s->n) * (double)s->k / seconds);
    free(a);
    free(b);
    free(c);
    free(bias);
    free(scales);
    return seconds > 0;
}

static const product *find_product(const char *name) {
    for (size_t i = 0; i < sizeof g_products / sizeof g_products[0]; i++)
        if (strcmp(g_products[i].name, name) == 0)
            return &g_products[i];
    return NULL;
}

int main(int argc, char **argv) {
    qn_context_options options = {0};
    const product *kind = &g_products[0];
    int at = 1, n_given = 0;
    for (; at + 1 < argc && strncmp(argv[at], "--", 2) == 0; at += 2) {
        if (strcmp(argv[at], "--threads") == 0)
            options.threads = atoi(argv[at + 1]);
        else if (strcmp(argv[at], "--isa") == 0)
            options.isa = argv[at + 1];
        else if (strcmp(argv[at], "--dtype") == 0)
            kind = find_product(argv[at + 1]);
    }
    qn_context *ctx;
    if (!kind || qn_context_create(&options, &ctx) != QN_OK) {
        fprintf(stderr, "bench_gemm: no such dtype or instruction set\n");
        return 2;
    }
    bool good = true;
    for (; good && at < argc; at++, n_given++) {
        long long m, n, k;
        good = sscanf(argv[at], "%lldx%lldx%lld", &m, &n, &k) == 3 && m > 0 && n > 0 && k > 0;
        good = good && run_shape(ctx, kind, &(shape){m, n, k, false, QN_ACT_NONE});
    }
    for (size_t s = 0; good && n_given == 0 && s < sizeof g_shapes / sizeof g_shapes[0]; s++)
        good = run_shape(ctx, kind, &g_shapes[s]);
    qn_context_destroy(ctx);
    return good ? 0 : 1;
}
