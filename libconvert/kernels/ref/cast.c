/* Cast: every element as another dtype; kernels/ref/convert.h says how each pair converts.
 *
 * With clamp = 1 (an attribute of our own) a finite number outside the range of float16 or bfloat16 becomes the largest
 * of that dtype with its sign instead of infinity; infinities and NaN stay. */
#include "kernels/ref/cast.h"

#include "base/pool.h"
#include "kernels/ref/convert.h"
#include "kernels/ref/iterate.h"

#include <math.h>

/* Elements that overflowed though they were finite: the bits before those of infinity are the largest number's. */
static void clamp_half(qn_dtype from, const char *src, uint16_t infinite, uint16_t *h, int64_t n) {
    const size_t bytes = qn_dtype_bytes(from);
    for (int64_t i = 0; i < n; i++) {
        if ((h[i] & 0x7fff) != infinite)
            continue;
        double x;
        qn_convert(from, src + (size_t)i * bytes, QN_F64, &x, 1);
        if (!isinf(x))
            h[i]--;
    }
}

void qn_ref_cast_elems(const qn_node *cast, qn_dtype from, const void *src, qn_dtype to, void *dst, int64_t n) {
    qn_convert(from, src, to, dst, n);
    if ((to == QN_F16 || to == QN_BF16) && from != to && qn_node_int(cast, "clamp", 0))
        clamp_half(from, src, to == QN_F16 ? 0x7c00 : 0x7f80, dst, n);
}

static void cast_piece(void *arg, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const qn_kernel_args *args = arg;
    const qn_tensor *x = &args->in[0], *y = &args->out[0];
    qn_ref_cast_elems(args->node, x->dtype, (const char *)x->data + (size_t)begin * qn_dtype_bytes(x->dtype), y->dtype,
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
