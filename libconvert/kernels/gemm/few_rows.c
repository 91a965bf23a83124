#include "kernels/gemm/few_rows.h"

#include "base/checked.h"
#include "base/pool.h"

#include <string.h>

bool qn_few_rows_fits(const qn_gemm *g) {
    return g->m >= 1 && g->m <= QN_FEW_ROWS && g->n > 1 && g->b.k_stride == 1 && !g->b.pack && !g->a.pack &&
           !g->b.is_unsigned && !g->b.zero_points && g->b.scale_axis != QN_SCALE_DEPTH &&
           (g->arith != QN_ARITH_BF16 || (g->b.dtype == QN_BF16 && !g->b.scales));
}

typedef struct rows {
    const qn_few_rows *f;
    const qn_gemm_isa *isa;
    int64_t vector; /* bytes */
    int group;      /* rows */
} rows;

static void pack_rows(void *arg, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const rows *r = arg;
    const qn_few_rows *f = r->f;
    for (int64_t i = begin; i < end; i++) {
        char *row = f->rows + i * (f->row_bytes + 64), *to = f->a + i / r->group * r->group * f->row_bytes;
        memset(row, 0, (size_t)f->row_bytes);
        if (i < f->g->m) { /* a panel of width 1 is a row */
            const qn_side side = {f->a_side.scale + i, f->a_side.offset + i};
            r->isa->pack_units(&f->g->a, i, 1, 0, f->g->k, f->g->k, 1, row, &side);
        }
        for (int64_t at = 0; at < f->row_bytes; at += r->vector)
            memcpy(to + at * r->group + i % r->group * r->vector, row + at, (size_t)r->vector);
    }
}

qn_status qn_few_rows_run(qn_context *ctx, const qn_gemm *g) {
    enum { PIECE = 256 << 10 }; /* multiply-adds */
    const qn_gemm_isa *isa = qn_gemm_isa_for(ctx, g->arith);
    if (!isa)
        return qn_fail(ctx, QN_UNSUPPORTED, "a matrix product in an arithmetic that this machine has not");
    const int lanes = isa->nr / isa->nv, group = lanes / 2;
    const int64_t n_rows = (g->m + group - 1) / group * group;
    int64_t units, all;
    qn_few_rows f = {.g = g};
    if (!qn_add_i64(g->k, isa->unit * lanes - 1, &units) ||
        !qn_mul_i64(units / (isa->unit * lanes) * lanes, 4, &f.row_bytes) ||
        !qn_mul_i64(n_rows, 2 * f.row_bytes + 64 + 8, &all))
        return qn_fail_memory(ctx, SIZE_MAX, "a matrix product");
    f.a = qn_scratch_take(ctx, (size_t)all);
    if (!f.a)
        return qn_fail_memory(ctx, (size_t)all, "a matrix product");
    f.rows = f.a + n_rows * f.row_bytes;
    f.a_side.scale = (float *)(void *)(f.rows + n_rows * (f.row_bytes + 64));
    f.a_side.offset = (int32_t *)(void *)(f.a_side.scale + n_rows);
    rows r = {&f, isa, 4 * lanes, group};
    qn_parallel_for(ctx, n_rows, 1 + (128 << 10) / (g->k + 1), pack_rows, &r);
    qn_parallel_for(ctx, (g->n + isa->nr - 1) / isa->nr, 1 + PIECE / (isa->nr * g->m * (g->k + 1)), isa->few_rows, &f);
    qn_scratch_give(ctx, f.a);
    return QN_OK;
}
