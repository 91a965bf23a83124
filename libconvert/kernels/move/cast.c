/* Cast by the vectors of the best instruction set; pairs without a row are the reference's. */
#include "kernels/move/cast.h"

#include "base/pool.h"
#include "kernels/kernel.h"
#include "kernels/ref/iterate.h"

static const qn_caster *caster_of(const qn_kernel_args *args) {
    const qn_caster *row = QN_ISA_PICK(args->ctx, qn_casters);
    while (row->cast && (row->from != args->in[0].dtype || row->to != args->out[0].dtype))
        row++;
    return row->cast ? row : NULL;
}

bool qn_move_accepts_cast(const qn_kernel_args *args) { return caster_of(args) != NULL; }

typedef struct casting {
    const qn_caster *by;
    const char *x;
    char *y;
} casting;

static void cast_piece(void *arg, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const casting *c = arg;
    c->by->cast(c->x + (size_t)begin * qn_dtype_bytes(c->by->from), c->y + (size_t)begin * qn_dtype_bytes(c->by->to),
                end - begin);
}

qn_status qn_move_cast(const qn_kernel_args *args) {
    const qn_tensor *x = &args->in[0], *y = &args->out[0];
    const int64_t n = qn_ref_numel(y);
    if (qn_node_int(args->node, "to", 0) != (int64_t)y->dtype || qn_ref_numel(x) != n)
        return qn_kernel_fail(args, QN_MALFORMED, "the output has another dtype or shape");
    casting c = {caster_of(args), x->data, y->data};
    enum { GRAIN = 1 << 15 };
    qn_parallel_for(args->ctx, n, GRAIN, cast_piece, &c);
    return QN_OK;
}
