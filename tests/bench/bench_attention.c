/* Speed of attention: bench_attention [threads] [isa]. One line a shape and dtype: best of several runs; GFLOP/s of the
 * two products, and GB/s of keys and values where queries are few. */
#include "kernels/kernel.h"

#include "base/arena.h"
#include "base/half.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef struct shape {
    const char *what;
    int64_t B, H, G, Nq, Nk, D;
    bool causal, apart, mask; /* heads apart; a mask of one number a key */
} shape;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* [B, N, H D] or [B, H, N, D], numbers within 1 */
static bool fill(qn_tensor *t, qn_dtype dtype, const shape *s, int64_t H, int64_t N) {
    const int64_t n = s->B * H * N * s->D;
    *t = (qn_tensor){.dtype = dtype, .rank = s->apart ? 4 : 3, .dims = {s->B, N, H * s->D}};
    if (s->apart) {
        t->dims[1] = H;
        t->dims[2] = N;
        t->dims[3] = s->D;
    }
    t->n_bytes = (size_t)n * (dtype == QN_F32 ? 4 : 2);
    t->data = malloc(t->n_bytes);
    for (int64_t i = 0; t->data && i < n; i++) {
        const float x = (float)(i * 37 % 101) * 0.02f - 1.0f;
        if (dtype == QN_F32)
            ((float *)t->data)[i] = x;
        else
            ((uint16_t *)t->data)[i] = dtype == QN_F16 ? qn_f32_to_f16(x) : qn_f32_to_bf16(x);
    }
    return t->data != NULL;
}

static qn_status measure(qn_context *ctx, const shape *s, qn_dtype dtype) {
    qn_attr attrs[4] = {{.name = "num_heads", .kind = QN_ATTR_INT, .as.i = s->H},
                        {.name = "kv_num_heads", .kind = QN_ATTR_INT, .as.i = s->G},
                        {.name = "head_dim", .kind = QN_ATTR_INT, .as.i = s->D},
                        {.name = "causal", .kind = QN_ATTR_INT, .as.i = s->causal}};
    const qn_node node = {.op = QN_OP_MultiHeadAttention, .name = s->what, .attrs = attrs, .n_attrs = 4};
    qn_tensor in[4] = {{.dtype = QN_NONE}}, y = {.dtype = dtype, .rank = 3, .dims = {s->B, s->Nq, s->H * s->D}};
    y.n_bytes = (size_t)(s->B * s->Nq * s->H * s->D) * (dtype == QN_F32 ? 4 : 2);
    y.data = malloc(y.n_bytes);
    in[3] = (qn_tensor){.dtype = QN_F32, .rank = 4, .dims = {s->B, 1, 1, s->Nk}};
    in[3].n_bytes = (size_t)(s->B * s->Nk) * 4;
    in[3].data = calloc((size_t)(s->B * s->Nk), 4);
    if (!fill(&in[0], dtype, s, s->H, s->Nq) || !fill(&in[1], dtype, s, s->G, s->Nk) ||
        !fill(&in[2], dtype, s, s->G, s->Nk) || !in[3].data || !y.data)
        return QN_SYSTEM;
    const qn_kernel_args args = {.ctx = ctx, .node = &node, .n_in = s->mask ? 4 : 3, .n_out = 1, .in = in, .out = &y};
    const qn_kernel *kernel = qn_kernel_choose(&args, false);
    double best = 1e9, start = now();
    for (int r = 0; r < 3 || (now() - start < 0.5 && r < 500); r++) {
        double t = now();
        QN_TRY(qn_kernel_run(kernel, &args));
        t = now() - t;
        best = t < best ? t : best;
    }
    const double pairs = (double)(s->B * s->H * s->Nq) * (double)s->Nk / (s->causal && s->Nq > 1 ? 2 : 1);
    printf("%-28s %-8s %9.3f ms %8.1f GFLOP/s", s->what, qn_dtype_name(dtype), best * 1e3,
           4e-9 * pairs * (double)s->D / best);
    if (s->Nq <= 8)
        printf(" %7.1f GB/s", 1e-9 * (double)(in[1].n_bytes + in[2].n_bytes) / best);
    printf("\n");
    for (int i = 0; i < 4; i++)
        free(in[i].data);
    free(y.data);
    return QN_OK;
}

int main(int argc, char **argv) {
    static const shape shapes[] = {
        {"ViT-S 1370 tokens", 1, 6, 6, 1370, 1370, 64, false, false, false},
        {"MiniLM 32x128", 32, 12, 12, 128, 128, 32, false, false, true},
        {"BERT 1x128", 1, 12, 12, 128, 128, 64, false, false, true},
        {"DETR 400, 32 wide", 1, 8, 8, 400, 400, 32, false, false, false},
        {"UNet 4096, 40 wide", 1, 8, 8, 4096, 4096, 40, false, false, false},
        {"prefill 2048 16/8 causal", 1, 16, 8, 2048, 2048, 128, true, false, false},
        {"decode 1x2048 16 heads", 1, 16, 16, 1, 2048, 128, false, true, false},
        {"decode 1x2048 16/4", 1, 16, 4, 1, 2048, 128, false, true, false},
        {"decode 4x2048 16/8 causal", 1, 16, 8, 4, 2048, 128, true, true, false},
    };
    static const qn_dtype dtypes[] = {QN_F32, QN_F16, QN_BF16};
    qn_context_options options = {.threads = argc > 1 ? atoi(argv[1]) : 0, .isa = argc > 2 ? argv[2] : NULL};
    qn_context *ctx;
    if (qn_context_create(&options, &ctx) != QN_OK)
        return 1;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        for (size_t d = 0; d < sizeof dtypes / sizeof dtypes[0]; d++)
            if (measure(ctx, &shapes[i], dtypes[d]) != QN_OK) {
                fprintf(stderr, "%s\n", qn_context_message(ctx));
                return 1;
            }
    qn_context_destroy(ctx);
    return 0;
}
