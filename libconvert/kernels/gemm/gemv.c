#include "kernels/gemm/gemv.h"

#include "base/checked.h"
#include "base/pool.h"

/* The dot function of an operand whose depth is the last dimension of its matrix, where it has one. */
static const qn_dot *dot_of(const qn_operand *b, int64_t k) {
    if (!b->coded || b->k_stride != 1 || !b->coded->dot || b->coded->c->dims[1] != k)
        return NULL;
    return b->coded->dot;
}

bool qn_gemv_fits(const qn_gemm *g) {
    const bool decoded = g->b.pack && !g->b.data, dots = decoded && dot_of(&g->b, g->k);
    return g->arith != QN_ARITH_INT8 && g->m >= 1 && g->m <= (dots ? QN_GEMV_DOT_ROWS : QN_GEMV_ROWS) && g->n > 0 &&
           !g->a.pack && (!g->b.pack || decoded) && (g->b.x_stride == 1 || g->b.k_stride == 1);
}

static void arrange(qn_gemv *v, const qn_dot *dot, float *to) {
    const int64_t step = (int64_t)dot->run * dot->lanes, k = v->g->k;
    v->rows = (qn_dot_rows){.x = to, .stride = (k + step - 1) / step * step};
    for (int64_t i = 0; i < v->g->m; i++)
        qn_dot_arrange(dot, v->a + i * k, k, to + i * v->rows.stride);
}

qn_status qn_gemv_run(qn_context *ctx, const qn_gemm *g) {
    enum { PIECE = 128 << 10 }; /* multiply-adds */
    const qn_gemm_isa *isa = qn_gemm_isa_of(ctx);
    int64_t n, all;
    size_t bytes;
    const qn_dot *dot = dot_of(&g->b, g->k);
    const int64_t step = dot ? (int64_t)dot->run * dot->lanes : 0; /* room for m rows more, each to a step's end */
    if (!qn_mul_i64(g->m, g->k, &n) || !qn_mul_i64(n, dot ? 2 : 1, &all) || !qn_add_i64(all, g->m * step, &all) ||
        !qn_mul_size((size_t)all, sizeof(float), &bytes))
        return qn_fail_memory(ctx, SIZE_MAX, "a matrix product");
    float *a = qn_scratch_take(ctx, bytes);
    if (!a)
        return qn_fail_memory(ctx, bytes, "a matrix product");
    for (int64_t i = 0; i < g->m; i++) /* a panel of width 1 is a row */
        isa->pack(&g->a, i, 1, 0, g->k, 1, a + i * g->k);
    qn_gemv v = {.g = g, .a = a};
    if (dot)
        arrange(&v, dot, a + n);
    int64_t groups = (g->n + QN_GEMV_COLUMNS - 1) / QN_GEMV_COLUMNS;
    int64_t grain = 1 + PIECE / (QN_GEMV_COLUMNS * (n + 1));
    if (g->b.k_stride != 1) /* long runs of each row of B, and eight pieces */
        grain = grain > groups / 8 ? grain : groups / 8;
    qn_parallel_for(ctx, groups, grain, QN_ISA_PICK(ctx, qn_gemv), &v);
    qn_scratch_give(ctx, a);
    return QN_OK;
}
