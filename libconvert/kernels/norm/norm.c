#include "kernels/norm/norm.h"

#include "base/context.h"
#include "base/pool.h"
#include "kernels/gemm/gemm_isa.h"
#include "kernels/ref/real.h"

enum { PIECE = 16 << 10 }; /* elements */

/* Elements from the axis on, which the operand must have too. */
static int64_t normalized(const qn_kernel_args *args) {
    const qn_tensor *x = &args->in[0];
    int64_t axis = qn_node_int(args->node, "axis", -1), n = 1;
    if (axis < 0)
        axis += x->rank;
    if (axis < 0 || axis >= x->rank)
        return -1;
    for (int64_t i = axis; i < x->rank; i++)
        n *= x->dims[i];
    return n;
}

bool qn_norm_accepts_layer(const qn_kernel_args *args) {
    int64_t size = normalized(args);
    if (size < 1 || !qn_is_real(args->in[0].dtype) || !qn_is_real(args->out[0].dtype) || args->out[0].rank < 1)
        return false;
    for (int32_t i = 1; i < args->n_in; i++)
        if (qn_has(args, i) && (!qn_is_real(args->in[i].dtype) || qn_ref_numel(&args->in[i]) != size))
            return false;
    for (int32_t i = 1; i < args->n_out; i++)
        if (args->out[i].dtype != QN_NONE)
            return false;
    return qn_has(args, 1);
}

bool qn_norm_accepts_softmax(const qn_kernel_args *args) {
    return args->in[0].rank >= 1 && qn_is_real(args->in[0].dtype) && qn_is_real(args->out[0].dtype);
}

static void run(const qn_kernel_args *args, qn_norm *n, int64_t rows) {
    enum { LANES_scalar = 4, LANES_neon = 4, LANES_avx2 = 8, LANES_avx512 = 16 };
    const int lanes = QN_ISA_PICK(args->ctx, LANES);
    int64_t items = n->inner > 1 ? rows * ((n->inner + lanes - 1) / lanes) : rows;
    qn_parallel_for(args->ctx, items, 1 + PIECE / (n->size * (n->inner > 1 ? lanes : 1)),
                    QN_ISA_PICK(args->ctx, qn_norm_rows), n);
}

qn_status qn_norm_layer(const qn_kernel_args *args) {
    qn_norm n = {.op = args->node->op, .x = args->in[0], .y = args->out[0], .scale = args->in[1], .inner = 1};
    n.size = normalized(args);
    n.epsilon = qn_node_float(args->node, "epsilon", 1e-5f);
    if (n.op == QN_OP_LayerNormalization && qn_has(args, 2))
        n.shift = args->in[2];
    run(args, &n, qn_ref_numel(&n.x) / n.size);
    return QN_OK;
}

qn_status qn_norm_softmax(const qn_kernel_args *args) {
    qn_norm n = {.op = args->node->op, .x = args->in[0], .y = args->out[0], .inner = 1};
    int64_t elems = qn_ref_numel(&n.x);
    if (elems == 0)
        return QN_OK;
    int32_t axis;
    QN_TRY(qn_ref_axis_attr(args, -1, &axis));
    n.size = n.x.dims[axis];
    for (int32_t i = axis + 1; i < n.x.rank; i++)
        n.inner *= n.x.dims[i];
    run(args, &n, elems / n.size / n.inner);
    return QN_OK;
}
