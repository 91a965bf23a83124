/* Cast: every element as another dtype; kernels/ref/convert.h says how each pair converts. */
#include "kernels/ref/convert.h"
#include "kernels/ref/iterate.h"

#include "base/pool.h"

static void cast_piece(void *arg, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const qn_kernel_args *args = arg;
    const qn_tensor *x = &args->in[0], *y = &args->out[0];
    qn_convert(x->dtype, (const char *)x->data + (size_t)begin * qn_dtype_bytes(x->dtype), y->dtype,
               (char *)y->data + (size_t)begin * qn_dtype_bytes(y->dtype), end - begin);
}

qn_status qn_ref_Cast(const qn_kernel_args *args) {
    const qn_tensor *x = &args->in[0], *y = &args->out[0];
    int64_t to = qn_node_int(args->node, "to", 0);
    if (to != (int64_t)y->dtype || !qn_dtype_row(x->dtype) || !qn_dtype_row(y->dtype))
        return qn_kernel_fail(args, QN_UNSUPPORTED, "from %s to dtype %lld", qn_dtype_name(x->dtype), (long long)to);
    if (qn_ref_numel(x) != qn_ref_numel(y))
        return qn_kernel_fail(args, QN_MALFORMED, "the shapes differ");
    enum { GRAIN = 1 << 15 };
    qn_kernel_args copy = *args;
    qn_parallel_for(args->ctx, qn_ref_numel(y), GRAIN, cast_piece, &copy);
    return QN_OK;
}
