/* Gather: y[a..., i..., b...] = x[a..., indices[i...], b...] with the index at `axis`. An index in [-n, n) counts from
 * the end when negative; any other is an error. */
#include "kernels/ref/integers.h"
#include "kernels/ref/iterate.h"

#include "base/pool.h"

#include <string.h>

typedef struct gather {
    const int64_t *index;  /* [n], in range */
    int64_t n, axis_size;
    size_t row;            /* bytes of what one index takes */
    const char *x;
    char *y;
} gather;

/* Rows [begin, end) of the outer * n rows of y. */
static void gather_piece(void *arg, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const gather *g = arg;
    for (int64_t r = begin; r < end; r++) {
        int64_t from = r / g->n * g->axis_size + g->index[r % g->n];
        memcpy(g->y + (size_t)r * g->row, g->x + (size_t)from * g->row, g->row);
    }
}

qn_status qn_ref_Gather(const qn_kernel_args *args) {
    const qn_tensor *x = &args->in[0], *y = &args->out[0];
    int32_t axis;
    const int64_t *given;
    gather g = {.x = x->data, .y = y->data, .row = qn_dtype_bytes(x->dtype)};
    QN_TRY(qn_ref_axis_attr(args, 0, &axis));
    QN_TRY(qn_ref_integers(args, 1, &given, &g.n));
    g.axis_size = x->dims[axis];
    int64_t *index, outer = 1, rows = 1;
    QN_NEW_ARRAY(args->ctx, args->scratch, index, g.n);
    for (int64_t i = 0; i < g.n; i++) {
        if (given[i] < -g.axis_size || given[i] >= g.axis_size)
            return qn_kernel_fail(args, QN_MALFORMED, "index %lld of axis %d, which has %lld", (long long)given[i], axis,
                                  (long long)g.axis_size);
        index[i] = given[i] < 0 ? given[i] + g.axis_size : given[i];
    }
    g.index = index;
    int64_t n_y = qn_ref_numel(y);
    if (n_y == 0)
        return QN_OK;
    for (int32_t d = 0; d < axis; d++)
        outer *= x->dims[d];
    for (int32_t d = axis + 1; d < x->rank; d++)
        g.row *= (size_t)x->dims[d];
    rows = outer * g.n;
    if ((size_t)rows * g.row != y->n_bytes || x->dtype != y->dtype)
        return qn_kernel_fail(args, QN_MALFORMED, "the output has another size");
    enum { PIECE_BYTES = 1 << 16 };
    qn_parallel_for(args->ctx, rows, 1 + PIECE_BYTES / (int64_t)g.row, gather_piece, &g);
    return QN_OK;
}
