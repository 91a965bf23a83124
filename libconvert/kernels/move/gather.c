/* Gather from a table whose rows are encoded: what is asked for is decoded, the table stays as it is. */
#include "kernels/kernel.h"

#include "base/half.h"
#include "base/pool.h"
#include "kernels/codec/codec.h"
#include "kernels/eval.h"
#include "kernels/gemm/gemm.h"
#include "kernels/ref/integers.h"

#include <string.h>

/* The axis is the first, and the rows are decoded as float32. */
bool qn_move_accepts_gather(const qn_kernel_args *args) {
    const qn_tensor *x = &args->in[0];
    return args->in_const && args->in_const[0] && qn_is_real(x->dtype) && x->rank > 0 &&
           args->out[0].dtype == x->dtype &&
           (qn_node_int(args->node, "axis", 0) == 0 || qn_node_int(args->node, "axis", 0) == -x->rank);
}

typedef struct gather {
    qn_coded table;
    const int64_t *index; /* in range */
    int64_t row;          /* elements */
    const qn_tensor *y;
    float *wide; /* [rows of y, row] when y is no float32 */
} gather;

static void gather_piece(void *arg, int64_t begin, int64_t end, int worker) {
    (void)worker;
    gather *g = arg;
    for (int64_t r = begin; r < end; r++) {
        float *to = (g->wide ? g->wide : (float *)g->y->data) + r * g->row;
        g->table.decode(g->table.c, g->index[r] * g->row, g->row, to);
        if (g->wide)
            (g->y->dtype == QN_F16 ? qn_f32_to_f16_n : qn_f32_to_bf16_n)(to, (uint16_t *)g->y->data + r * g->row,
                                                                         (size_t)g->row);
    }
}

qn_status qn_move_gather(const qn_kernel_args *args) {
    const qn_tensor *x = &args->in[0], *y = &args->out[0];
    const int64_t *given, n_y = qn_ref_numel(y);
    int64_t n, *index;
    gather g = {.table = qn_coded_of(args->ctx, args->in_const[0]), .row = 1, .y = y};
    QN_TRY(qn_ref_integers(args, 1, &given, &n));
    QN_NEW_ARRAY(args->ctx, args->scratch, index, n);
    for (int64_t i = 0; i < n; i++) {
        if (given[i] < -x->dims[0] || given[i] >= x->dims[0])
            return qn_kernel_fail(args, QN_MALFORMED, "index %lld of axis 0, which has %lld", (long long)given[i],
                                  (long long)x->dims[0]);
        index[i] = given[i] < 0 ? given[i] + x->dims[0] : given[i];
    }
    g.index = index;
    if (n_y == 0)
        return QN_OK;
    for (int32_t d = 1; d < x->rank; d++)
        g.row *= x->dims[d];
    QN_TRY(qn_const_decode(args->ctx, g.table.c, 0, 0, NULL)); /* its parts are there */
    if (n * g.row != n_y)
        return qn_kernel_fail(args, QN_MALFORMED, "the output has another size");
    if (y->dtype != QN_F32)
        QN_NEW_ARRAY(args->ctx, args->scratch, g.wide, n_y);
    enum { PIECE = 1 << 14 };
    qn_parallel_for(args->ctx, n, 1 + PIECE / g.row, gather_piece, &g);
    return QN_OK;
}
