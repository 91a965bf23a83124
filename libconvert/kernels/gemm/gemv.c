#include "kernels/gemm/gemv.h"

#include "base/checked.h"
#include "base/pool.h"

bool qn_gemv_fits(const qn_gemm *g) {
    return g->arith != QN_ARITH_INT8 && g->m >= 1 && g->m <= QN_GEMV_ROWS && g->n > 0 && !g->a.pack && (!g->b.pack || g->b.coded) &&
           (g->b.x_stride == 1 || g->b.k_stride == 1);
}

qn_status qn_gemv_run(qn_context *ctx, const qn_gemm *g) {
    enum { PIECE = 128 << 10 }; /* multiply-adds */
    const qn_gemm_isa *isa = qn_gemm_isa_of(ctx);
    int64_t n;
    size_t bytes;
    if (!qn_mul_i64(g->m, g->k, &n) || !qn_mul_size((size_t)n, sizeof(float), &bytes))
        return qn_fail_memory(ctx, SIZE_MAX, "a matrix product");
    float *a = qn_scratch_take(ctx, bytes);
    if (!a)
        return qn_fail_memory(ctx, bytes, "a matrix product");
    for (int64_t i = 0; i < g->m; i++) /* a panel of width 1 is a row */
        isa->pack(&g->a, i, 1, 0, g->k, 1, a + i * g->k);
    qn_gemv v = {g, a};
    int64_t groups = (g->n + QN_GEMV_COLUMNS - 1) / QN_GEMV_COLUMNS;
    int64_t grain = 1 + PIECE / (QN_GEMV_COLUMNS * (n + 1));
    if (g->b.k_stride != 1) /* long runs of each row of B, and eight pieces */
        grain = grain > groups / 8 ? grain : groups / 8;
    qn_parallel_for(ctx, groups, grain, QN_ISA_PICK(ctx, qn_gemv), &v);
    qn_scratch_give(ctx, a);
    return QN_OK;
}
