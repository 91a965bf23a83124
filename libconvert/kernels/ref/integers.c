#include "kernels/ref/integers.h"

#include "kernels/ref/convert.h"
#include "kernels/ref/iterate.h"

qn_status qn_ref_integers(const qn_kernel_args *args, int32_t i, const int64_t **out, int64_t *n) {
    static const int64_t none = 0;
    *out = NULL;
    *n = 0;
    if (i >= args->n_in || args->in[i].dtype == QN_NONE)
        return QN_OK;
    const qn_tensor *t = &args->in[i];
    *n = qn_ref_numel(t);
    if (t->dtype != QN_I64 && t->dtype != QN_I32)
        return qn_kernel_fail(args, QN_MALFORMED, "input %d is %s, not an integer tensor", i, qn_dtype_name(t->dtype));
    if (*n == 0) {
        *out = &none;
        return QN_OK;
    }
    if (t->dtype == QN_I64) {
        *out = t->data;
        return QN_OK;
    }
    int64_t *v;
    QN_NEW_ARRAY(args->ctx, args->scratch, v, *n);
    qn_convert(QN_I32, t->data, QN_I64, v, *n);
    *out = v;
    return QN_OK;
}
