#include "kernels/reduce/reduce.h"

#include "base/context.h"
#include "base/half.h"
#include "base/pool.h"
#include "kernels/gemm/gemm.h"
#include "kernels/ref/real.h"
#include "kernels/ref/reduce.h"

enum { PIECE = 1 << 15 }; /* elements */

bool qn_reduce_accepts(const qn_kernel_args *args) {
    return qn_is_real(args->in[0].dtype) && args->in[0].dtype == args->out[0].dtype;
}

bool qn_reduce_accepts_pool(const qn_kernel_args *args) { return qn_reduce_accepts(args) && args->in[0].rank > 2; }

/* x as [outer, size, inner]. False when reduced axes lie apart, or nothing is reduced to one element. */
static bool neighbours(const qn_tensor *x, unsigned mask, int64_t *outer, int64_t *size, int64_t *inner) {
    *outer = *size = *inner = 1;
    int stage = 0; /* 0 outer, 1 reduced, 2 inner */
    for (int32_t d = 0; d < x->rank; d++) {
        if (x->dims[d] == 1)
            continue;
        const bool reduced = mask >> d & 1;
        if (reduced && stage == 2)
            return false;
        stage = reduced ? 1 : stage == 1 ? 2 : stage;
        *(stage == 0 ? outer : stage == 1 ? size : inner) *= x->dims[d];
    }
    return *size > 0;
}

/* Parts of a row to one number. */
static double join(qn_reduce_kind kind, const float *part, int64_t n) {
    double a = (double)part[0];
    for (int64_t i = 1; i < n; i++) {
        const double b = (double)part[i];
        switch (kind) {
        case QN_REDUCE_PROD: a *= b; break;
        case QN_REDUCE_MAX: a = a > b || isnan(a) ? a : b; break;
        case QN_REDUCE_MIN: a = a < b || isnan(a) ? a : b; break;
        case QN_REDUCE_SUM:
        case QN_REDUCE_SQUARES: a += b; break;
        }
    }
    return a;
}

static void store(const qn_tensor *y, int64_t i, float v) {
    if (y->dtype == QN_F32)
        ((float *)y->data)[i] = v;
    else
        ((uint16_t *)y->data)[i] = y->dtype == QN_F16 ? qn_f32_to_f16(v) : qn_f32_to_bf16(v);
}

static qn_status reduce(const qn_kernel_args *args, qn_reduction *r, int64_t outer) {
    const qn_op op = args->node->op;
    const bool mean = op == QN_OP_ReduceMean || op == QN_OP_GlobalAveragePool, root = op == QN_OP_ReduceL2;
    const int64_t n_y = outer * r->inner;
    int64_t parts = 1, items, work = r->size;
    if (n_y != qn_ref_numel(&args->out[0]))
        return qn_kernel_fail(args, QN_MALFORMED, "the output has another shape");
    if (n_y == 0)
        return QN_OK;
    if (r->inner == 1) {
        parts = (r->size - 1) / QN_REDUCE_PART + 1;
        items = outer * parts;
        work = work < QN_REDUCE_PART ? work : QN_REDUCE_PART;
    } else {
        items = outer * ((r->inner - 1) / QN_REDUCE_COLUMNS + 1);
        work *= r->inner < QN_REDUCE_COLUMNS ? r->inner : QN_REDUCE_COLUMNS;
    }
    if (parts == 1 && args->out[0].dtype == QN_F32)
        r->y = args->out[0].data;
    else
        QN_NEW_ARRAY(args->ctx, args->scratch, r->y, n_y * parts);
    qn_parallel_for(args->ctx, items, 1 + PIECE / work, QN_ISA_PICK(args->ctx, qn_reduce_pieces), r);
    if (r->y == args->out[0].data && !mean && !root)
        return QN_OK;
    for (int64_t i = 0; i < n_y; i++) {
        double v = join(r->kind, r->y + i * parts, parts);
        store(&args->out[0], i, (float)(mean ? v / (double)r->size : root ? sqrt(v) : v));
    }
    return QN_OK;
}

qn_status qn_reduce_axes(const qn_kernel_args *args) {
    static const struct {
        qn_op op;
        qn_reduce_kind kind;
    } kinds[] = {{QN_OP_ReduceMean, QN_REDUCE_SUM},   {QN_OP_ReduceSumSquare, QN_REDUCE_SQUARES},
                 {QN_OP_ReduceL2, QN_REDUCE_SQUARES}, {QN_OP_ReduceProd, QN_REDUCE_PROD},
                 {QN_OP_ReduceMax, QN_REDUCE_MAX},    {QN_OP_ReduceMin, QN_REDUCE_MIN}};
    const qn_tensor *x = &args->in[0];
    qn_reduction r = {.kind = QN_REDUCE_SUM, .dtype = x->dtype, .x = x->data};
    unsigned mask;
    int64_t outer;
    QN_TRY(qn_ref_reduced_axes(args, x->rank, &mask));
    if (!neighbours(x, mask, &outer, &r.size, &r.inner))
        return qn_kernel_run(qn_kernel_choose(args, true), args);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (kinds[i].op == args->node->op)
            r.kind = kinds[i].kind;
    return reduce(args, &r, outer);
}

qn_status qn_reduce_pool(const qn_kernel_args *args) {
    const qn_tensor *x = &args->in[0];
    const bool max = args->node->op == QN_OP_GlobalMaxPool;
    qn_reduction r = {.kind = max ? QN_REDUCE_MAX : QN_REDUCE_SUM, .dtype = x->dtype, .x = x->data};
    int64_t outer;
    if (!neighbours(x, ~3u, &outer, &r.size, &r.inner))
        return qn_kernel_run(qn_kernel_choose(args, true), args);
    return reduce(args, &r, outer);
}
